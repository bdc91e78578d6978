/** The model of the benches. Apart from its records, so that a daemon under test loads nothing that a daemon would not. */

export const MODEL = "fraud";
export const VERSION = "3";
/** Where the traffic begins in event time: a Monday, two weeks after the reference. */
export const TRAFFIC_FROM_MS = Date.UTC(2026, 0, 19);
