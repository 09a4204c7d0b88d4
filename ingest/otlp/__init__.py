"""OpenTelemetry's OTLP over HTTP: traces and logs, in protobuf and in JSON, to deliveries, and the answers to them.

One delivery is one span, `{"resource": {…}, "scope": {…}, "span": {…}}`, or one log record (`"log"`). Fields are named
as in OTLP's JSON: ids in hex, nanoseconds and other 64-bit numbers of the protocol as text, enumerations as numbers.
Attributes, and the body of a record, are plain JSON instead of OTLP's typed values: texts, numbers, true and false,
lists, objects; bytes are in base64; NaN and infinities, which JSON has not, are the texts NaN, Infinity, -Infinity.

`unfolding` is what to call; `wire` and `written` take the two encodings apart, record by record, so that memory is
bounded and one wrong record stops no other; `values` makes JSON of a record; `answers` is what is told.
"""
