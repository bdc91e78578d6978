/** The table of detectors. */
export {};
