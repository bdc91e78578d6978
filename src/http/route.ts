/** What a route is: one address of the API with its parameters, its answer's schema and the function that answers. */

import type { Gate } from "./access.ts";
import type { Body } from "./body.ts";
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
  /** What is sent; undefined: nothing is read. */
  readonly body?: {
    /** Name of its schema. */
    readonly schema: string;
    readonly maxBytes: number;
    /** For the OpenAPI file and the tests. */
    readonly example: unknown;
    readonly required: boolean;
  };
  /** Who may post it; default: `token`. */
  readonly gate?: Gate;
  /** Name of the answer's schema. */
  readonly schema: string;
  /** Status of success; default 200. */
  readonly status?: number;
  /** Statuses of failure beside 400 and 500. */
  readonly failures: readonly number[];
  readonly answer: (view: ApiView, values: Values, body: Body) => Reply | Promise<Reply>;
};
