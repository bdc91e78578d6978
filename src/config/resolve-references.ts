/** What the keys of `references.ts` mean, and what their schema cannot say. Pure. */

import { parseDuration } from "../lib/duration.ts";
import { didYouMean } from "../lib/suggest.ts";
import { checkLogin } from "../outputs/presets/login.ts";
import { addressProblem, formOf, isRemote } from "../reference/addresses/form.ts";
import type { Config, HttpAccess, MlflowConfig, ReferenceAccess, ReferenceConfig, ReferencePlace, S3Access } from "./config.ts";
import type { Slip } from "./issues.ts";
import type { ConfigPath } from "./problem.ts";
import { referencePath } from "./resolve-judging.ts";
import type { Effective, EffectiveModel } from "./schema.ts";
import { inlineSecret, type Secret } from "./secret.ts";
import { checkSecrets, slip } from "./slips.ts";

type Env = Readonly<Record<string, string | undefined>>;
type Long = Exclude<NonNullable<EffectiveModel["reference"]>, string>;
type SecretOf = (inline: string | undefined, file: string | undefined) => Secret | undefined;

/** What turns the file's text into what the stages get. */
export type Resolving = {
  readonly absolute: (name: string) => string;
  readonly secret: SecretOf;
  /** The usual variables of AWS are read from it. */
  readonly env: Env;
};

const DEFAULT_REFRESH = "5m";
const DEFAULT_TIMEOUT = "30s";
const DEFAULT_REGION = "us-east-1";

/** Where a model's snapshots are. The values have passed `checkReference`. */
export function resolveReference(model: EffectiveModel, resolving: Resolving): ReferenceConfig {
  const { absolute } = resolving;
  const long = longForm(model);
  const path = referencePath(model);
  const listed = path === undefined ? Object.entries(model.references ?? {}) : [];
  const addresses = path === undefined ? listed.map(([, address]) => address) : [path];
  const plain = addresses.every((address) => formOf(address) === "file") && refreshMs(long, "file") === undefined;
  if (!plain) {
    const placeOf = (version: string | undefined, address: string): ReferencePlace => ({
      version,
      address: isRemote(address) ? address : `${absolute(address).replace(/\/+$/, "")}${formOf(address) === "directory" ? "/" : ""}`,
      refreshMs: refreshMs(long, address),
    });
    const places = path === undefined ? listed.map(([version, address]) => placeOf(version, address)) : [placeOf(undefined, path)];
    return { kind: "addresses", places, access: resolveAccess(long, resolving) };
  }
  if (path === undefined) return { kind: "by_version", paths: new Map(listed.map(([version, name]) => [version, absolute(name)])) };
  return path.includes("{version}") ? { kind: "pattern", pattern: absolute(path) } : { kind: "file", path: absolute(path) };
}

/** Age from which a reference is old. */
export function resolveMaxAge(model: EffectiveModel): number | undefined {
  const age = longForm(model)?.max_age;
  return age === undefined ? undefined : parseDuration(age)!;
}

/** The section `mlflow`; a model that no registered name is mapped to is registered under its own. */
export function resolveMlflow({ mlflow, models }: Effective, { absolute, secret }: Resolving): MlflowConfig | undefined {
  if (mlflow === undefined) return undefined;
  const mapped = new Set(Object.values(mlflow.models));
  return {
    url: secret(mlflow.url, mlflow.url_file)!,
    ...loginOf(mlflow, absolute, secret),
    webhookSecret: secret(mlflow.webhook_secret, mlflow.webhook_secret_file),
    models: new Map([
      ...models.flatMap(({ name }): [string, string][] => (mapped.has(name) ? [] : [[name, name]])),
      ...Object.entries(mlflow.models),
    ]),
  };
}

/** Files that say who may read references, with their places: secrets, and certificates by their paths. */
export function accessFiles({ models, mlflow }: Pick<Config, "models" | "mlflow">): readonly (readonly [ConfigPath, Secret | string])[] {
  const files: (readonly [ConfigPath, Secret | string])[] = [];
  const add = (path: ConfigPath, secrets: Readonly<Record<string, Secret | undefined>>, caFile: string | undefined) => {
    for (const [key, secret] of Object.entries(secrets)) if (secret?.file !== undefined) files.push([[...path, `${key}_file`], secret]);
    if (caFile !== undefined) files.push([[...path, "ca_file"], caFile]);
  };
  for (const [index, { reference }] of models.entries()) {
    if (reference.kind !== "addresses") continue;
    const { http, s3 } = reference.access;
    const path = ["models", index, "reference"];
    add([...path, "http"], { token: http.token, password: http.password }, http.caFile);
    const { accessKeyId, secretAccessKey, sessionToken } = s3.keys ?? {};
    add([...path, "s3"], { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: sessionToken }, s3.caFile);
  }
  if (mlflow !== undefined) {
    const { url, token, password, webhookSecret } = mlflow;
    add(["mlflow"], { url, token, password, webhook_secret: webhookSecret }, mlflow.caFile);
  }
  return files;
}

/** How the keys of addresses go together; `path` is that of the model. */
export function checkAddresses(path: ConfigPath, model: EffectiveModel, mlflow: boolean): Slip[] {
  const long = longForm(model);
  const given = referencePath(model);
  const at = long === undefined ? [...path, "reference"] : [...path, "reference", "path"];
  const all: readonly (readonly [ConfigPath, string])[] = [
    ...(given === undefined ? [] : [[at, given] as const]),
    ...Object.entries(model.references ?? {}).map(([version, address]) => [[...path, "references", version], address] as const),
  ];
  const slips = all.flatMap(([where, address]): Slip[] => {
    const form = formOf(address);
    // What looks like a URL may hold a password: it is not shown.
    const shown = form !== "http";
    const problem = addressProblem(address);
    if (problem !== undefined) return [slip(where, problem.message, problem.hint, shown)];
    if (form === "mlflow" && !mlflow) return [slip(where, "needs the section mlflow", "set mlflow.url", true)];
    if (form !== "file" && address.includes("{version}"))
      return [
        slip(where, "holds {version}, which is for names of files", "list each version under references, or name a directory", shown),
      ];
    return [];
  });
  if (long === undefined) return slips;
  const forms = new Set(all.map(([, address]) => formOf(address)));
  const own = [...path, "reference"];
  const pattern = all.some(([, address]) => address.includes("{version}"));
  if (pattern && refreshMs(long, "file") !== undefined)
    slips.push(slip([...own, "refresh"], "is not possible with {version}", "name the directory: it is looked through for versions", true));
  for (const key of ["http", "s3"] as const) {
    if (long[key] !== undefined && all.length > 0 && !forms.has(key))
      slips.push({ ...slip([...own, key], `is for addresses in ${key === "s3" ? "s3://" : "http(s)://"}`, "remove it"), at: "key" });
  }
  if (long.http !== undefined) slips.push(...checkLoginAt([...own, "http"], long.http));
  if (long.s3 !== undefined) slips.push(...checkKeys([...own, "s3"], long.s3));
  return slips;
}

/** The section by itself, and the models that it names. */
export function checkMlflow(mlflow: Effective["mlflow"], models: readonly (EffectiveModel | undefined)[]): Slip[] {
  if (mlflow === undefined) return [];
  const names = models.flatMap((model) => (model === undefined ? [] : [model.name]));
  const complete = models.every((model) => model !== undefined);
  return [
    ...checkSecrets(["mlflow"], mlflow, ["url", "webhook_secret"], ["url"]),
    ...checkLoginAt(["mlflow"], mlflow),
    ...Object.entries(mlflow.models).flatMap(([registered, model]) =>
      names.includes(model) || !complete
        ? []
        : [slip(["mlflow", "models", registered], "is not one of models", didYouMean(model, names), true)],
    ),
  ];
}

type Login = NonNullable<Long["http"]>;

function checkLoginAt(path: ConfigPath, login: Pick<Login, "username">): Slip[] {
  return [
    ...checkSecrets(path, login, ["token", "password"], []),
    ...checkLogin(new Set(Object.keys(login))).map(({ path: inside, message, hint }) => slip([...path, ...inside], message, hint)),
  ];
}

function checkKeys(path: ConfigPath, s3: NonNullable<Long["s3"]>): Slip[] {
  const has = (key: string) => key in s3 || `${key}_file` in s3;
  const slips = checkSecrets(path, s3, ["access_key_id", "secret_access_key", "session_token"], []);
  if (has("access_key_id") !== has("secret_access_key"))
    slips.push(slip(path, "has one half of a pair of keys", "set access_key_id(_file) and secret_access_key(_file)"));
  else if (has("session_token") && !has("access_key_id"))
    slips.push(
      slip(path, "has a session_token without the keys that it belongs to", "set access_key_id(_file) and secret_access_key(_file)"),
    );
  return slips;
}

function longForm({ reference }: EffectiveModel): Long | undefined {
  return typeof reference === "object" ? reference : undefined;
}

function refreshMs(long: Long | undefined, address: string): number | undefined {
  const refresh = long?.refresh ?? (formOf(address) === "file" ? "off" : DEFAULT_REFRESH);
  return refresh === "off" || refresh === 0 ? undefined : parseDuration(refresh)!;
}

function resolveAccess(long: Long | undefined, { absolute, secret, env }: Resolving): ReferenceAccess {
  const { http, s3 } = long ?? {};
  return {
    timeoutMs: parseDuration(long?.timeout ?? DEFAULT_TIMEOUT)!,
    http: {
      ...loginOf(http ?? {}, absolute, secret),
      headers: Object.fromEntries(Object.entries(http?.headers ?? {}).map(([name, value]) => [name, inlineSecret(value)])),
    },
    s3: {
      endpoint: s3?.endpoint ?? variable(env, "AWS_ENDPOINT_URL_S3") ?? variable(env, "AWS_ENDPOINT_URL"),
      region: s3?.region ?? variable(env, "AWS_REGION") ?? variable(env, "AWS_DEFAULT_REGION") ?? DEFAULT_REGION,
      keys: keysOf(s3 ?? {}, secret, env),
      caFile: s3?.ca_file === undefined ? undefined : absolute(s3.ca_file),
    },
  };
}

/** Keys of the file, or all three of the environment: never some of each. */
function keysOf(s3: Partial<NonNullable<Long["s3"]>>, secret: SecretOf, env: Env): S3Access["keys"] {
  const accessKeyId = secret(s3.access_key_id, s3.access_key_id_file);
  const secretAccessKey = secret(s3.secret_access_key, s3.secret_access_key_file);
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey, sessionToken: secret(s3.session_token, s3.session_token_file) };
  const [id, key, token] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map((name) => variable(env, name));
  if (id === undefined || key === undefined) return undefined;
  return {
    accessKeyId: inlineSecret(id),
    secretAccessKey: inlineSecret(key),
    sessionToken: token === undefined ? undefined : inlineSecret(token),
  };
}

function variable(env: Env, name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === "" ? undefined : value;
}

function loginOf(login: Partial<Omit<Login, "headers">>, absolute: (name: string) => string, secret: SecretOf): HttpAccess {
  return {
    token: secret(login.token, login.token_file),
    username: login.username,
    password: secret(login.password, login.password_file),
    caFile: login.ca_file === undefined ? undefined : absolute(login.ca_file),
  };
}
