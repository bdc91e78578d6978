/**
 * The keys of a model that say how it is judged beyond thresholds: expectations, quality, volume, old tools' numbers, renewal, outliers.
 * Shapes and defaults only, as in `schema.ts`; rules over several keys are in `judging-rules.ts`, meaning in `resolve-judging.ts`.
 */

import * as z from "zod";
import { addressOptions } from "./references.ts";
import { duration, filePath, text } from "./scalars.ts";

const share = (description: string) => z.number().min(0).lt(1).meta({ title: "share", description });
const integer = (description: string, min: number, max: number) => z.int().min(min).max(max).meta({ title: "integer", description });
const computedDefault = "x-default";

/** `epsilon` and `floor` may carry their number: `epsilon:1e-4`. */
export const zeroPattern = /^(jeffreys|evidently|(epsilon|floor)(:(\d+(\.\d+)?|\.\d+)(e-?\d+)?)?)$/i;
/** Named bins of old tools: a fixed number of equal widths, deciles, Doane's rule, or edges. */
export const binsPattern = /^(coarse|deciles|doane|width:[1-9]\d{0,2}|edges:\[\s*-?[\d.e+-]+(\s*,\s*-?[\d.e+-]+)*\s*\])$/i;

const renew = z
  .strictObject({
    every: duration("How often the reference is made anew from closed panes, in event time.", { min: "1d", max: "365d" }).default("7d"),
    days: integer(
      "Days that a renewed reference is made of: of closed panes, less those of an episode; the newest of the reference before fill them up.",
      7,
      92,
    ).default(28),
    max_distance: z
      .number()
      .gt(0)
      .max(1000)
      .meta({
        title: "number",
        description:
          "PSI less its noise between the first reference and the traffic of today that is a warning of its own: a drift that came slowly must not be learnt away.",
      })
      .default(0.2),
  })
  .meta({ title: "map", description: "Renews the reference on a schedule; frozen while an episode is open." });

/** A snapshot's path or address, or a map of it with renewal and what addresses need. */
export const referenceSchema = z
  .union([
    filePath("A snapshot."),
    z.strictObject({
      path: filePath("Snapshot, as in the short form; left out beside `references`.").optional(),
      ...addressOptions,
      renew: renew.optional(),
    }),
  ])
  .meta({
    title: "path, address or map",
    description:
      "Snapshot that the model is judged by: a file (`{version}` in its name stands for the version), a directory (`/` at its end: the newest valid snapshot), `http(s)://…`, `s3://bucket/key`, `mlflow://models/NAME@ALIAS/PATH`, `mlflow://models/NAME/VERSION/PATH` or `mlflow://runs/RUN_ID/PATH`. Or a map: `{ path, … }`.",
  });

const scalar = z.union([z.string(), z.number(), z.boolean()]);

const expectation = z
  .strictObject({
    not_null: z.literal(true).meta({ title: "true", description: "The value is there." }).optional(),
    type: z
      .enum(["number", "integer", "text", "boolean"])
      .meta({ title: "number | integer | text | boolean", description: "The value has this type." })
      .optional(),
    between: z
      .tuple([z.number().nullable(), z.number().nullable()])
      .meta({ title: "[min, max]", description: "The number lies between, ends included; `null` for no end." })
      .optional(),
    in_set: z.array(scalar).min(1).meta({ title: "list", description: "The value is one of these." }).optional(),
    matches: text("The text matches this regular expression.").optional(),
    tolerate: share("Share of the records that may break it.").default(0),
  })
  .meta({ title: "map", description: "What is expected of a feature: `not_null`, `type`, `between`, `in_set`, `matches`, `tolerate`." });

/** Expectations by feature: one map, or several with a tolerance each. */
export const expectationsSchema = z.record(z.string(), z.union([expectation, z.array(expectation).min(1)])).meta({
  title: "map",
  description:
    "Declared expectations by feature: a map (or a list of maps) of `not_null: true`, `type`, `between: [min, max]`, `in_set`, `matches`, with `tolerate`, the share that may break it.",
});

export const qualitySchema = z
  .strictObject({
    growth: share("How much the share of missing, NaN, infinite, wrongly typed, out-of-range or unseen values has to grow.").default(0.01),
  })
  .meta({ title: "map", description: "Quality of the data: alerts of its own, which never ask for retraining." });

export const volumeSchema = z
  .strictObject({
    against: z
      .enum(["history", "reference", "off"])
      .meta({
        title: "history | reference | off",
        description:
          "What the number of records is compared with: the same hours of past weeks in the pane log, or the reference's own days.",
      })
      .default("history"),
    silence: z
      .union([z.enum(["auto", "off"]), duration("So long.", { min: "1m", max: "30d" })])
      .meta({
        title: "auto | off | duration",
        description: "No record for so long, by the wall clock, is silence; `auto`: when the past says that records were due.",
      })
      .default("auto"),
    duplicates: z
      .union([z.literal("off"), share("A share.")])
      .meta({ title: "share | off", description: "Share of records whose id was seen before in the same pane that is tolerated." })
      .default(0.01),
  })
  .meta({ title: "map", description: "How many records come: alerts of its own, which never ask for retraining." });

/** Numbers as older tools compute them, shown beside ours; they decide nothing. */
export const compatSchema = z
  .strictObject({
    psi: z
      .strictObject({
        zero: z
          .string()
          .regex(zeroPattern, { error: "is not one of jeffreys, evidently, epsilon, floor; a number may follow: epsilon:1e-4" })
          .meta({ title: "jeffreys | evidently | epsilon | floor", description: "How empty bins are filled." })
          .default("jeffreys"),
        bins: z
          .union([
            z.string().regex(binsPattern, { error: "is not one of coarse, deciles, width:20, doane, edges:[…]" }),
            z.strictObject({
              edges: z.record(z.string(), z.array(z.number()).min(1)).meta({ title: "map", description: "Ascending edges by feature." }),
            }),
          ])
          .meta({
            title: "coarse | deciles | width:N | doane | edges:[…] | map",
            description: "Bins of the older tool; `{ edges: { feature: [..] } }` gives them by feature.",
          })
          .default("coarse"),
      })
      .meta({ title: "map", description: "PSI." })
      .optional(),
    kl: z
      .strictObject({
        direction: z
          .enum(["current||reference", "reference||current"])
          .meta({ title: "current||reference | reference||current", description: "From which to which." })
          .default("current||reference"),
      })
      .meta({ title: "map", description: "Kullback-Leibler divergence." })
      .optional(),
    js: z
      .strictObject({
        base: z
          .union([z.literal("e"), z.literal(2)])
          .meta({ title: "e | 2", description: "Nats or bits." })
          .default("e"),
        form: z
          .enum(["distance", "divergence"])
          .meta({ title: "distance | divergence", description: "The distance is the root of the divergence." })
          .default("divergence"),
      })
      .meta({ title: "map", description: "Jensen-Shannon." })
      .optional(),
  })
  .meta({ title: "map", description: "Numbers as an older tool computes them, shown beside driftd's; they decide nothing." });

export const outliersSchema = z
  .strictObject({
    path: filePath("File that gets one JSON line for each of the worst records: id, score, the features that make it."),
    share: z
      .number()
      .gt(0)
      .max(0.5)
      .meta({ title: "share", description: "Share of the reference's records that have so high a score." })
      .default(0.001),
    per_minute: integer("Lines in a minute at most; what is beyond is counted.", 1, 100_000).default(60),
  })
  .meta({ title: "map", description: "Ids of outlying records; needs a reference with `$outlier`.", [computedDefault]: "none is written" });
