/** The table of kinds of addresses: one more is one more file, one more line here, and its form in `form.ts`. */

import type { AddressDependencies, AddressKind, Fetch } from "./address.ts";
import { directory, file } from "./files.ts";
import { type AddressForm, formOf } from "./form.ts";
import { http } from "./http.ts";
import { mlflow } from "./mlflow.ts";
import { s3 } from "./s3.ts";

const kinds: Readonly<Record<AddressForm, AddressKind>> = { file, directory, http, s3, mlflow };

/** Makes the fetch of an address of any kind. */
export function createFetch(address: string, dependencies: AddressDependencies): Fetch {
  return kinds[formOf(address)](address, dependencies);
}
