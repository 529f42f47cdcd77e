/**
 * What the page's buttons do: save the figure shown, with the colours it has now, as a file of its own. Plain JavaScript of the
 * browser, since the page asks for nothing else.
 */
export const PAGE_SCRIPT = `
const style = getComputedStyle(document.documentElement);
const resolve = (text) => text.replace(/var\\((--[a-z0-9-]+)\\)/g, (_, name) => style.getPropertyValue(name).trim());

function standalone(figure) {
  const shown = [...figure.querySelectorAll('svg')].find((svg) => svg.getBoundingClientRect().width > 0);
  const copy = shown.cloneNode(true);
  const [, , width, height] = shown.getAttribute('viewBox').split(' ').map(Number);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', width);
  copy.setAttribute('height', height);
  const paper = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [key, value] of Object.entries({ width: '100%', height: '100%', fill: 'var(--paper)' })) paper.setAttribute(key, value);
  copy.insertBefore(paper, copy.firstChild);
  return { text: resolve(new XMLSerializer().serializeToString(copy)), width, height };
}

function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function savePng({ text, width, height }, name) {
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement('canvas');
    canvas.width = width * 2;
    canvas.height = height * 2;
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, name), 'image/png');
  };
  image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(text);
}

for (const button of document.querySelectorAll('button[data-type]')) {
  button.addEventListener('click', () => {
    const figure = button.closest('figure');
    const picture = standalone(figure);
    if (button.dataset.type === 'png') savePng(picture, figure.id + '.png');
    else save(new Blob([picture.text], { type: 'image/svg+xml' }), figure.id + '.svg');
  });
}
`;
