/** `s3://bucket/key`: a signed GET of an object. At AWS the bucket stands in the host's name, at an endpoint of one's own in the path. */

import type { S3Access } from "../../config/config.ts";
import { type AddressKind, asFetchError } from "./address.ts";
import { download } from "./download.ts";
import { parseS3, type S3Place } from "./form.ts";
import { conditions, fetched } from "./http.ts";
import { encodePath, type Keys, signGet } from "./sigv4.ts";

export const s3: AddressKind = (address, { access, clock, version }) => {
  const place = parseS3(address)!;
  const url = urlOf(place, access.s3);
  return async (previous, signal) => {
    const keys = await revealed(access.s3);
    const signed =
      keys === undefined
        ? {}
        : signGet({ host: url.host, path: url.pathname, region: access.s3.region, service: "s3", keys, nowMs: clock.nowMs() });
    const headers = { "user-agent": `driftd/${version}`, ...signed, ...conditions(previous) };
    const answer = await download(
      { url, headers, caFile: access.s3.caFile, name: address },
      { clock, timeoutMs: access.timeoutMs, signal },
    );
    return fetched(answer, address);
  };
};

/** A bucket with a dot in its name has no certificate of its own, so it stands in the path too. */
function urlOf({ bucket, key }: S3Place, { endpoint, region }: S3Access): URL {
  if (endpoint === undefined && !bucket.includes("."))
    return withPath(`https://${bucket}.s3.${region}.amazonaws.com`, `/${encodePath(key)}`);
  const base = endpoint ?? `https://s3.${region}.amazonaws.com`;
  return withPath(base, `${new URL(base).pathname.replace(/\/+$/, "")}/${bucket}/${encodePath(key)}`);
}

function withPath(base: string, path: string): URL {
  const url = new URL(base);
  url.pathname = path;
  url.search = "";
  return url;
}

async function revealed({ keys }: S3Access): Promise<Keys | undefined> {
  if (keys === undefined) return undefined;
  try {
    const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
      keys.accessKeyId.reveal(),
      keys.secretAccessKey.reveal(),
      keys.sessionToken?.reveal(),
    ]);
    return { accessKeyId, secretAccessKey, sessionToken };
  } catch (thrown) {
    throw asFetchError(thrown, "unauthorized");
  }
}
