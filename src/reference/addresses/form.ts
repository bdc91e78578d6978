/**
 * How an address is written, and what it stands for: a file, a directory (`/` at its end), `http(s)://`, `s3://`, `mlflow://`. Pure: the
 * configuration is checked by it, and nothing is asked.
 */

/** A path is a file, or a directory when `/` stands at its end. */
export type AddressForm = "file" | "directory" | "http" | "s3" | "mlflow";

/** The kind of an address by its beginning. */
export function formOf(address: string): AddressForm {
  if (/^https?:/i.test(address)) return "http";
  if (/^s3:/i.test(address)) return "s3";
  if (/^mlflow:/i.test(address)) return "mlflow";
  return address.endsWith("/") ? "directory" : "file";
}

/** Whether it is not on this machine's disks. */
export function isRemote(address: string): boolean {
  const form = formOf(address);
  return form === "http" || form === "s3" || form === "mlflow";
}

/** An address as it may be shown: without user, password and query, which may hold secrets. */
export function shownAddress(address: string): string {
  if (formOf(address) !== "http") return address;
  return address.replace(/^([a-z]+:\/\/)[^/?#]*@/i, "$1").replace(/[?#].*$/s, "");
}

/** What is wrong with an address; undefined: nothing. */
export function addressProblem(address: string): { readonly message: string; readonly hint: string } | undefined {
  switch (formOf(address)) {
    case "http":
      return httpProblem(address);
    case "s3":
      return parseS3(address) === undefined ? { message: "is no address in S3", hint: "write s3://bucket/key" } : undefined;
    case "mlflow":
      return parseMlflow(address) === undefined ? { message: "is no address in MLflow", hint: MLFLOW_FORMS } : undefined;
    default:
      return /^[a-z][a-z0-9+.-]+:\/\//i.test(address)
        ? { message: "is of a kind that driftd does not know", hint: "write a path, http(s)://…, s3://bucket/key or mlflow://…" }
        : undefined;
  }
}

const MLFLOW_FORMS = "write mlflow://models/NAME@ALIAS/PATH, mlflow://models/NAME/VERSION/PATH or mlflow://runs/RUN_ID/PATH";

function httpProblem(address: string): { readonly message: string; readonly hint: string } | undefined {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return { message: "is not a URL", hint: "write https://host/path" };
  const { username, password, hash } = new URL(address);
  if (username !== "" || password !== "")
    return { message: "holds a user or a password", hint: "set reference.http.username and password_file" };
  return hash === "" ? undefined : { message: "has a # that no server sees", hint: "write %23 for the character itself" };
}

/** An object of S3. */
export type S3Place = { readonly bucket: string; readonly key: string };

/** Reads `s3://bucket/key`; undefined when it is none. */
export function parseS3(address: string): S3Place | undefined {
  const match = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,254})\/(.*[^/])$/s.exec(address);
  return match === null || hasDots(match[2]!) ? undefined : { bucket: match[1]!, key: match[2]! };
}

/** An artifact in MLflow. */
export type MlflowPlace = { readonly path: string } & (
  | { readonly kind: "alias"; readonly name: string; readonly alias: string }
  | { readonly kind: "version"; readonly name: string; readonly version: string }
  | { readonly kind: "run"; readonly run: string }
);

/** Reads an address in MLflow; names are percent-decoded. Undefined when it is none. */
export function parseMlflow(address: string): MlflowPlace | undefined {
  const match = /^mlflow:\/\/(?:models\/(?:([^/@]+)@([^/@]+)|([^/@]+)\/(\d+))|runs\/([A-Za-z0-9_-]+))\/((?:[^/]+\/)*[^/]+)$/.exec(address);
  if (match === null) return undefined;
  const [, aliased, alias, versioned, version, run, path] = match;
  if (hasDots(path!)) return undefined;
  if (run !== undefined) return { kind: "run", run, path: path! };
  const name = decoded(aliased ?? versioned!);
  if (name === undefined) return undefined;
  return alias === undefined ? { kind: "version", name, version: version!, path: path! } : { kind: "alias", name, alias, path: path! };
}

/** `.` or `..` as a part: what stands between here and there may resolve them. */
function hasDots(path: string): boolean {
  return path.split("/").some((part) => part === "." || part === "..");
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
