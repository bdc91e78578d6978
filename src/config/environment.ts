// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the form that users write
/** Environment variables in text: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`; `$$` is a dollar sign. No other `$` means anything. */

export type Substitution =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly text?: undefined; readonly problem: { readonly message: string; readonly hint: string } };

// `$$`, or `${NAME}` with an optional default or message, or a `${` that is neither (reported).
const pattern = /\$\$|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?:(:[-?])([^}]*))?\})?/g;

/** Puts variables into the text; as in a shell, an empty variable counts as unset for `:-` and `:?`. The first slip is returned. */
export function substitute(text: string, env: Readonly<Record<string, string | undefined>>): Substitution {
  let problem: { message: string; hint: string } | undefined;
  const result = text.replace(
    pattern,
    (match: string, name: string | undefined, operator: string | undefined, rest: string | undefined) => {
      if (match === "$$") return "$";
      if (name === undefined) {
        problem ??= {
          message: "holds a ${ that is no variable",
          hint: "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ for the characters themselves",
        };
        return match;
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (operator === ":-") return value === undefined || value === "" ? (rest ?? "") : value;
      if (operator === ":?" && (value === undefined || value === "")) {
        problem ??= {
          message: `needs the environment variable ${name}, which is not set`,
          hint: rest === "" || rest === undefined ? `set ${name}` : rest,
        };
        return match;
      }
      if (value === undefined) {
        problem ??= { message: `needs the environment variable ${name}, which is not set`, hint: `set it, or write \${${name}:-default}` };
        return match;
      }
      return value;
    },
  );
  return problem === undefined ? { text: result } : { problem };
}
