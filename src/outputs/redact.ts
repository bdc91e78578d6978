/** Takes secrets out of what a receiver said, before it is kept or logged. Pure. */

import { percentDecode, percentEncode } from "./percent.ts";

/** Characters of an answer that the delivery log keeps. */
export const EXCERPT_LENGTH = 1024;

/** Takes secrets and control characters out of a text and cuts it. Short secrets (a path `/`) are no secrets, and would eat the text. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of [...secrets].filter(({ length }) => length >= 4).sort((a, b) => b.length - a.length)) {
    clean = clean.replaceAll(secret, "<secret>");
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  return clean.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").slice(0, EXCERPT_LENGTH);
}

/** What must not be shown of an address: the whole of it, its host, its path, and every value of its query. */
export function secretsOfUrl(url: URL): readonly string[] {
  return [
    url.href,
    url.host,
    url.hostname,
    `${url.pathname}${url.search}`,
    url.pathname,
    percentDecode(url.username),
    percentDecode(url.password),
    ...url.searchParams.values(),
  ];
}

/** The forms in which an answer may repeat a secret: as it is, as JSON writes it, as a URL and a form write it. */
export function formsOf(secret: string): readonly string[] {
  const inUrl = percentEncode(secret);
  return [secret, JSON.stringify(secret).slice(1, -1), inUrl, inUrl.replaceAll("%20", "+")];
}
