/**
 * The keys about asking and telling: the guards of a retraining that wait for an answer, notices about episodes, and who may ask over HTTP.
 * Shapes and defaults only, as in `schema.ts`; rules over several keys and meaning are in `resolve-retraining.ts`.
 */

import * as z from "zod";
import { duration, filePath, text } from "./scalars.ts";

/** Of `models[].retrain`. */
export const retrainGuards = {
  in_progress_timeout: z
    .union([z.literal("off"), duration("So long.", { min: "1m", max: "30d" })])
    .meta({
      title: "duration | off",
      description:
        "How long a request holds the model's next one back when the pipeline says nothing, counted from its delivery and from each report `running`; `off`: it holds nothing back.",
    })
    .default("6h"),
  approval: z
    .enum(["auto", "manual"])
    .meta({ title: "auto | manual", description: "`manual`: a request is sent only after somebody approved it over the API." })
    .default("auto"),
};

/** `models[].notify`. */
export const notifySchema = z
  .strictObject({
    to: z.array(text("An output.")).min(1).meta({ title: "list", description: "Names of outputs." }),
    severity: z
      .enum(["warning", "critical"])
      .meta({ title: "warning | critical", description: "Least severity of an episode that is told." })
      .default("warning"),
    quality: z
      .boolean()
      .meta({ title: "boolean", description: "Whether episodes of broken data are told, beside those of drift." })
      .default(true),
  })
  .meta({ title: "map", description: "Whom to tell when an episode fires, becomes critical and is over. Without it nobody is told." });

/** Of `http`. */
export const httpAccess = {
  token: text(
    "Bearer token (a secret) that every POST needs. Without `token` and `token_file` a POST is answered only when `listen` is a loopback address.",
  ).optional(),
  token_file: filePath("File that holds the bearer token; read at each use.").optional(),
};
