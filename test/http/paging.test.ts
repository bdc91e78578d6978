import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { page } from "../../src/http/paging.ts";
import { panePage } from "../../src/http/panes.ts";
import { readParams } from "../../src/http/query.ts";
import { apiRoutes } from "../../src/http/routes.ts";
import { fakeView, NOW_MS, pane } from "./fixture.ts";

const HOUR_MS = 3_600_000;

describe("page", () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`);
  const read = (list: readonly string[], limit: number, cursor?: string) =>
    page(
      (wanted) => list.slice(0, wanted),
      (item) => item,
      { limit, cursor },
    );

  it("gives every item once over all pages, for any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 50 }), fc.integer({ min: 1, max: 12 }), async (count, limit) => {
        const list = names(count);
        const seen: string[] = [];
        let cursor: string | null | undefined;
        do {
          const { items, next }: { items: readonly string[]; next: string | null } = await read(list, limit, cursor ?? undefined);
          seen.push(...items);
          cursor = next;
        } while (cursor !== null);
        expect(seen).toEqual(list);
      }),
    );
  });

  it("repeats and hides nothing when newer items come in between", async () => {
    const first = await read(names(10), 4);
    const second = await read(["new2", "new1", ...names(10)], 4, first.next!);
    expect([...first.items, ...second.items]).toEqual(names(8));
  });

  it("refuses a cursor whose place is gone", async () => {
    const { next } = await read(names(10), 4);
    await expect(read(["other"], 4, next!)).rejects.toMatchObject({ code: "HTTP_CURSOR", status: 400 });
  });
});

describe("panes", () => {
  const route = apiRoutes.find(({ path }) => path.endsWith("/panes"))!;
  const ask = async (view: ReturnType<typeof fakeView>, query: string) =>
    panePage(view, (await view.model("flights"))!, readParams(route.params, { model: "flights" }, new URLSearchParams(query)));

  it("without a range are those of the last hour before the newest evaluated window's end", async () => {
    const { items } = await ask(fakeView(), "");
    expect(items.map(({ pane_start }) => pane_start)).toEqual(
      Array.from({ length: 12 }, (_, i) => pane(NOW_MS - HOUR_MS + Math.floor(i / 2) * 600_000).pane_start),
    );
  });

  it.each([1, 5, 7, 24, 100])("are all given once over pages of %d", async (limit) => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query = `from=2001-02-05T10:00:00Z&to=2001-02-05T12:00:00Z&limit=${limit}${cursor === null ? "" : `&cursor=${cursor}`}`;
      const answer = await ask(fakeView(), query);
      seen.push(...answer.items.map((one) => `${one.pane_start} ${one.partition}`));
      cursor = answer.next;
    } while (cursor !== null);
    expect(seen).toHaveLength(24);
    expect(new Set(seen).size).toBe(24);
  });

  it("are read an hour at a time, and a month of nothing ends the page, not the list", async () => {
    const asked: number[] = [];
    const view = fakeView({
      panes: async ({ fromMs, toMs }) => {
        asked.push(toMs - fromMs);
        return [];
      },
    });
    const first = await ask(view, "from=2001-01-01T00:00:00Z&to=2001-03-01T00:00:00Z");
    expect(Math.max(...asked)).toBe(HOUR_MS);
    expect(asked).toHaveLength(744);
    expect(first.items).toEqual([]);
    const second = await ask(view, `from=2001-01-01T00:00:00Z&to=2001-03-01T00:00:00Z&cursor=${first.next}`);
    expect(second.next).toBeNull();
    expect(asked).toHaveLength(59 * 24);
  });

  it.each([
    "from=2001-02-05T12:00:00Z&to=2001-02-05T12:00:00Z",
    "from=2001-02-06T12:00:00Z",
    "from=yesterday",
    "from=2001-02-05T12:00:00",
    "to=2001-13-45T00:00:00Z",
  ])("asked for with %s are a 400", async (query) => {
    await expect(ask(fakeView(), query)).rejects.toMatchObject({ status: 400, code: "HTTP_PARAMETER" });
  });
});
