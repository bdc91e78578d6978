/** What a route is: one address of the API with its parameters, its answer's schema and the function that answers. */

import type { Params, Values } from "./query.ts";
import type { ApiView } from "./view.ts";

export type Method = "get" | "post" | "put";

type Reply = { readonly status?: number; readonly body: unknown };

export type Route = {
  readonly methods: readonly Method[];
  /** With `{name}` for a path parameter. */
  readonly path: string;
  readonly summary: string;
  readonly params: Params;
  /** Name of the answer's schema. */
  readonly schema: string;
  /** Status of success; default 200. */
  readonly status?: number;
  /** Statuses of failure beside 400 and 500. */
  readonly failures: readonly number[];
  readonly answer: (view: ApiView, values: Values) => Reply | Promise<Reply>;
};
