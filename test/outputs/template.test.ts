import { describe, expect, test } from "vitest";

import { checkTemplate, render, renderText, renderTexts } from "../../src/outputs/template.ts";

const root = Object.freeze({
  id: "msg_1",
  type: "driftd.retrain.requested",
  model: 'fl"ights\nx',
  data: { n: 3, yes: true, none: null, list: ["a", { b: 2 }], "a.b": "dotted", map: { k: "v" }, text: "{{ id }}" },
});

describe("a template", () => {
  test.each([
    ["alone, a number stays one", "{{ data.n }}", 3],
    ["alone, a switch", "{{data.yes}}", true],
    ["alone, null is there", "{{ data.none }}", null],
    ["alone, a map", "{{ data.map }}", { k: "v" }],
    ["alone, a list", "{{ data.list }}", ["a", { b: 2 }]],
    ["a place of a list", "{{ data.list.1.b }}", 2],
    ["a dot inside a key", "{{ data.a\\.b }}", "dotted"],
    ["in a text", "n is {{ data.n }}, {{ data.yes }}, {{ data.none }}", "n is 3, true, null"],
    ["as JSON in a text", "= {{ data.map | json }} =", '= {"k":"v"} ='],
    ["as JSON alone is text", "{{ data.map|json }}", '{"k":"v"}'],
    ["text as JSON", "{{ id | json }}", '"msg_1"'],
    ["a default", '{{ data.nothing ?? "none" }}', "none"],
    ["a default of any kind", "{{ data.nothing.deeper ?? [1] }}", [1]],
    ["a default that is not needed", "{{ data.n ?? 0 }}", 3],
    ["null is there, and needs no default", "{{ data.none ?? 1 }}", null],
    ["a literal", '{{ "{{" }} x }}', "{{ x }}"],
    ["no expression", "plain { text } }}", "plain { text } }}"],
    ["what it gives is no template", "{{ data.text }}!", "{{ id }}!"],
    ["no text", 5, 5],
    ["nested", { a: ["{{ id }}", { b: "{{ data.n }}" }], c: false }, { a: ["msg_1", { b: 3 }], c: false }],
    ["keys are as they are", { "{{ id }}": 1 }, { "{{ id }}": 1 }],
  ])("%s", (_name, template, filled) => {
    expect(render(template, root)).toEqual(filled);
  });

  test.each([
    ["{{ data.nothing }}", "TEMPLATE_MISSING", "{{ data.nothing }} is not in driftd.retrain.requested"],
    ["{{ data.n.deeper }}", "TEMPLATE_MISSING", "{{ data.n.deeper }} is not in driftd.retrain.requested"],
    ["{{ toString }}", "TEMPLATE_MISSING", "{{ toString }} is not in driftd.retrain.requested"],
    ["{{ __proto__.x }}", "TEMPLATE_MISSING", "{{ __proto__.x }} is not in driftd.retrain.requested"],
    ["x {{ data.map }}", "TEMPLATE_INVALID", "{{ data.map }} is a map inside a text"],
    ["x {{ data.list }}", "TEMPLATE_INVALID", "{{ data.list }} is a list inside a text"],
    ["{{ }}", "TEMPLATE_INVALID", "{{  }} is not a path"],
    ["{{ data.n + 1 }}", "TEMPLATE_INVALID", "{{ data.n + 1 }} is not a path"],
    ["{{ data..n }}", "TEMPLATE_INVALID", "{{ data..n }} is not a path"],
    ["{{ data.n ?? none }}", "TEMPLATE_INVALID", "{{ data.n ?? none }} has no JSON value behind ??"],
    ["{{ data.n | upper }}", "TEMPLATE_INVALID", "{{ data.n | upper }} is not a path"],
    ['{{ "a" b }}', "TEMPLATE_INVALID", '{{ "a" b }} is not a text in JSON'],
  ])("%s is refused", (template, code, message) => {
    expect(() => render(template, root)).toThrow(expect.objectContaining({ code, message }));
  });

  test("values cannot break out of JSON: the result is a value, not a text that is parsed", () => {
    const body = JSON.stringify(render({ model: "{{ model }}", about: "model {{ model }}" }, root));
    expect(JSON.parse(body)).toEqual({ model: root.model, about: `model ${root.model}` });
  });

  test("texts are encoded where they must be", () => {
    expect(renderText("/models/{{ model }}?n={{ data.n }}", root, encodeURIComponent)).toBe("/models/fl%22ights%0Ax?n=3");
    expect(renderTexts({ a: "{{ data.n }}", b: "{{ data.map }}", c: "{{ id }}", d: "{{ data.none }}" }, root)).toEqual({
      ...{ a: "3", b: '{"k":"v"}', c: "msg_1", d: "" },
    });
  });

  test("a check says every text that cannot be filled, with its place and the sample that lacks it", () => {
    const samples = [
      { about: "driftd.digest", root: { data: { text: "x" } } },
      { about: "driftd.drift.firing", root: { data: { model: "m" } } },
    ];
    expect(
      checkTemplate({ ok: "{{ data }}", a: ["{{ data.text }}", "{{ data.model ?? 1 }}"], b: { c: "{{ a b }}" } }, samples),
    ).toMatchObject([
      { path: ["a", 0], message: "{{ data.text }} is not in driftd.drift.firing" },
      { path: ["b", "c"], message: "{{ a b }} is not a path" },
    ]);
    expect(checkTemplate(undefined, samples)).toEqual([]);
  });
});
