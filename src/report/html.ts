/** Text in which every mark that means something in HTML is written out. */
export function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (mark) => names[mark] as string);
}

/** A table that scrolls sideways where it is wider than the page. Cells are text, or HTML already. */
export function table(heading: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = (tag: string, row: readonly Cell[]) =>
    row.map((cell) => `<${tag}>${html(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<div class="scroll"><table><thead><tr>${cells('th', heading)}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** Text, or HTML that has been escaped where it must. */
export type Cell = string | { readonly html: string };

function html(cell: Cell): string {
  return typeof cell === 'string' ? escapeHtml(cell) : cell.html;
}
