/** Tables for a terminal, of text that others wrote. Pure. */

/** Left-aligned columns, two blanks apart, a line each; cells are made `printable`. */
export function columns(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((cells) => cells.map(printable));
  const widths = (clean[0] ?? []).map((_, i) => Math.max(...clean.map((cells) => cells[i]?.length ?? 0)));
  const lines = clean.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return lines.map((text) => `${text}\n`).join("");
}

/** Shows control and invisible characters as `\\u{1b}`: a version comes from a record and an answer from a receiver, and neither may steer a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
