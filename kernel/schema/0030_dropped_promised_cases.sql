-- What judged_cases says (0029_judged_cases.sql), of one promise at a time.
DROP VIEW IF EXISTS promised_cases
