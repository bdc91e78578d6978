/** The end of `npm run build`: puts the JSON Schema of the configuration beside the compiled files and makes the command executable. */

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { jsonSchema, schemaFile } from "../src/config/json-schema.ts";

const dist = join(import.meta.dirname, "..", "dist");

await writeFile(join(dist, schemaFile), `${JSON.stringify(jsonSchema(), null, 2)}\n`);
await chmod(join(dist, "src", "main.js"), 0o755);
