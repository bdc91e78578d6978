/** `http://…` and `https://…`: asked with what the server said last (ETag, Last-Modified), so that nothing is sent twice. */

import { type AddressKind, asFetchError, type Fetched } from "./address.ts";
import { type Download, download, loginHeaders } from "./download.ts";
import { shownAddress } from "./form.ts";

export const http: AddressKind = (address, { access, clock, version }) => {
  const name = shownAddress(address);
  const { headers: own, caFile } = access.http;
  return async (previous, signal) => {
    const given = await Promise.all(
      Object.entries(own).map(async ([header, secret]) => [header.toLowerCase(), await secret.reveal()] as const),
    ).catch((thrown: unknown) => {
      throw asFetchError(thrown, "unauthorized");
    });
    const headers = {
      "user-agent": `driftd/${version}`,
      ...(await loginHeaders(access.http)),
      ...Object.fromEntries(given),
      ...conditions(previous),
    };
    const answer = await download({ url: new URL(address), headers, caFile, name }, { clock, timeoutMs: access.timeoutMs, signal });
    return fetched(answer, name);
  };
};

/** Headers that ask for an answer only if it is another one than last time. */
export function conditions(previous: string | undefined): Record<string, string> {
  if (previous === undefined) return {};
  const { etag, lastModified } = JSON.parse(previous) as { readonly etag?: string; readonly lastModified?: string };
  return {
    ...(etag === undefined ? {} : { "if-none-match": etag }),
    ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
  };
}

/** The identity that an answer gives, with more that belongs to it; undefined: the server says nothing to ask by. */
export function identityOf({ headers }: Download, more: Readonly<Record<string, string>> = {}): string | undefined {
  const { etag, "last-modified": lastModified } = headers;
  return etag === undefined && lastModified === undefined ? undefined : JSON.stringify({ etag, lastModified, ...more });
}

/** The content of an answer. */
export function fetched(answer: Download, name: string): Fetched {
  if (answer.status === 304) return { kind: "unchanged" };
  return { kind: "changed", identity: identityOf(answer), candidates: [{ name, read: () => Promise.resolve(answer.body) }] };
}
