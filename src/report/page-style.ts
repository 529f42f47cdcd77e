/** The page's style: one column on a phone, light or dark as the reader's system asks for. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2024; --muted: #5f6a75; --grid: #e3e7eb; --axis: #aab3bc; --card: #f6f8fa; --link: #0b62c4;
  --series-0: #1f6feb; --series-1: #d9480f; --series-2: #1a8a4a; --series-3: #a33fc4; --series-4: #b58100;
  --series-5: #0a8f9c; --series-6: #d6336c; --series-7: #5c6f00; --series-8: #6741d9; --series-9: #8a5a3c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181c; --ink: #e8ecf0; --muted: #9aa6b2; --grid: #2a3138; --axis: #56616c; --card: #1c2228; --link: #7ab4ff;
    --series-0: #6aa8ff; --series-1: #ff8a55; --series-2: #4fd18b; --series-3: #d58cf0; --series-4: #f0c040;
    --series-5: #4fd6e0; --series-6: #ff7aa8; --series-7: #b5cc3a; --series-8: #a896ff; --series-9: #d0a080;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 820px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 1.1rem; margin: 40px 0 8px; }
p { margin: 4px 0 12px; }
.note, figcaption { color: var(--muted); font-size: 0.9rem; }
figure { margin: 0 0 8px; }
figure svg { display: block; max-width: 100%; height: auto; }
.narrow { display: none; }
.export { display: flex; gap: 8px; margin-top: 8px; }
button {
  font: inherit; font-size: 0.85rem; color: var(--link); background: var(--card); border: 1px solid var(--grid);
  border-radius: 6px; padding: 6px 12px; cursor: pointer;
}
button:hover { border-color: var(--axis); }
.scroll { overflow-x: auto; border: 1px solid var(--grid); border-radius: 8px; }
table { border-collapse: collapse; font-size: 0.85rem; width: 100%; }
th, td { padding: 6px 12px; text-align: right; white-space: nowrap; border-top: 1px solid var(--grid); }
thead th { border-top: 0; background: var(--card); font-weight: 600; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
thead th:first-child { background: var(--card); }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
@media (max-width: 820px) {
  .wide { display: none; }
  .narrow { display: block; }
  th:first-child, td:first-child { min-width: 130px; max-width: 45vw; white-space: normal; overflow-wrap: anywhere; }
  th, td { padding: 6px 10px; }
}
@media print { .export { display: none; } }
`;
