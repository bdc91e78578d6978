/** What goes to a target that takes free-form parameters, where the operator has not chosen: the facts that a training run asks for. */

import type { TemplateDefault } from "../../config/output-options.ts";

/** For targets that take JSON: the whole message under one name. */
export const WHOLE_MESSAGE: TemplateDefault<Readonly<Record<string, unknown>>> = {
  value: { id: "{{ id }}", type: "{{ type }}", timestamp: "{{ timestamp }}", data: "{{ data }}" },
  words: "`id`, `type`, `timestamp` and `data` of the message",
};

/** For targets that take variables of text: the facts one by one, and the whole as JSON. */
export const AS_VARIABLES: TemplateDefault<Readonly<Record<string, unknown>>> = {
  value: {
    DRIFTD_REQUEST_ID: "{{ id }}",
    DRIFTD_TYPE: "{{ type }}",
    DRIFTD_MODEL: "{{ model }}",
    DRIFTD_VERSION: "{{ version }}",
    DRIFTD_REASON: '{{ data.reason ?? "" }}',
    DRIFTD_SEVERITY: '{{ data.severity ?? "" }}',
    DRIFTD_CALLBACK: '{{ data.links.callback ?? "" }}',
    DRIFTD_DATA: "{{ data | json }}",
  },
  words: "`DRIFTD_REQUEST_ID`, `_TYPE`, `_MODEL`, `_VERSION`, `_REASON`, `_SEVERITY`, `_CALLBACK`, and `DRIFTD_DATA` as JSON",
};
