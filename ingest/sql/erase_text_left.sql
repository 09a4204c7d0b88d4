-- How many rows of a column hold one of texts as a word: one row (rows). words: the same as regular expressions.
-- Parameters: tenant, table, column, texts, words.
SELECT count() AS rows
FROM {table:Identifier}
WHERE tenant = {tenant:String}
    AND multiSearchAny(toString({column:Identifier}), {texts:Array(String)})
    AND arrayExists(word -> match(toString({column:Identifier}), word), {words:Array(String)})
