using System.Text;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>What a token of SQL is.</summary>
internal enum SqlTokenKind
{
    /// <summary>A keyword, a number or a name without quotes, in lower case.</summary>
    Word,

    /// <summary>A name in quotes; its value is without them.</summary>
    Name,

    /// <summary>A text, in whatever quotes; its value is what stands in the script.</summary>
    Text,

    /// <summary>One other character.</summary>
    Sign,
}

/// <summary>A token, and where it stands in its statement.</summary>
internal readonly record struct SqlToken(SqlTokenKind Kind, string Value, int Start, int Length)
{
    internal bool Is(string word) => Kind == SqlTokenKind.Word && Value == word;

    /// <summary>Whether it can name something: PUBLIC is nobody.</summary>
    internal bool IsName => Kind == SqlTokenKind.Name || (Kind == SqlTokenKind.Word && Value != "public");
}

/// <summary>A statement without its semicolon.</summary>
internal sealed record SqlStatement(string Text, IReadOnlyList<SqlToken> Tokens)
{
    /// <summary>Whether it begins with these keywords.</summary>
    internal bool Begins(params ReadOnlySpan<string> words)
    {
        if (Tokens.Count < words.Length) return false;
        for (int i = 0; i < words.Length; i++)
            if (!Tokens[i].Is(words[i])) return false;
        return true;
    }

    /// <summary>Where a keyword stands for the first time; -1 where it does not.</summary>
    internal int Find(string word, int from = 0)
    {
        for (int i = from; i < Tokens.Count; i++)
            if (Tokens[i].Is(word)) return i;
        return -1;
    }
}

/// <summary>
/// Takes a script of pg_dump's or pg_dumpall's apart into statements and tokens, for those who look for a few of them. A function's body in BEGIN ATOMIC comes out in pieces that begin like no
/// definition.
/// </summary>
internal sealed class SqlScript(string text)
{
    private readonly List<SqlToken> _tokens = [];
    private int _at, _begin;

    /// <summary>Decodes a script: UTF-8, and where it is not that, byte by byte.</summary>
    internal static SqlScript Of(ReadOnlySpan<byte> script) =>
        new((System.Text.Unicode.Utf8.IsValid(script) ? Encoding.UTF8 : Encoding.Latin1).GetString(script));

    /// <summary>The statements in order; once.</summary>
    internal IEnumerable<SqlStatement> Statements()
    {
        while (_at < text.Length)
        {
            char c = text[_at];
            if (char.IsWhiteSpace(c)) _at++;
            else if (Follows("--") || (c == '\\' && _tokens.Count == 0)) _at = EndOf("\n", _at);   // a comment; a line for psql
            else if (Follows("/*")) _at = EndOf("*/", _at);
            else if (c != ';') Take(c);
            else
            {
                if (_tokens.Count > 0) yield return new SqlStatement(text[_begin.._at], [.. _tokens]);
                _tokens.Clear();
                _at++;
            }
        }
    }

    private void Take(char c)
    {
        int start = _at;
        if (_tokens.Count == 0) _begin = start;
        SqlTokenKind kind = SqlTokenKind.Sign;
        if (c == '"') kind = TakeQuoted(SqlTokenKind.Name, '"', hasEscapes: false);
        else if (c == '\'') kind = TakeQuoted(SqlTokenKind.Text, '\'', hasEscapes: false);
        else if (c is 'E' or 'e' && _at + 1 < text.Length && text[_at + 1] == '\'')
        {
            _at++;
            kind = TakeQuoted(SqlTokenKind.Text, '\'', hasEscapes: true);
        }
        else if (c == '$' && TagLength() is > 0 and int tag)
        {
            _at = EndOf(text.Substring(start, tag), start + tag);
            kind = SqlTokenKind.Text;
        }
        else if (IsWord(c))
        {
            while (_at < text.Length && (IsWord(text[_at]) || text[_at] == '$')) _at++;
            kind = SqlTokenKind.Word;
        }
        else
        {
            _at++;
        }
        string value = text[start.._at];
        if (kind == SqlTokenKind.Word) value = value.ToLowerInvariant();
        if (kind == SqlTokenKind.Name) value = value.Length >= 2 ? value[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal) : "";
        _tokens.Add(new SqlToken(kind, value, start - _begin, _at - start));
    }

    private SqlTokenKind TakeQuoted(SqlTokenKind kind, char quote, bool hasEscapes)
    {
        for (_at++; _at < text.Length; _at++)
        {
            if (hasEscapes && text[_at] == '\\') _at++;
            else if (text[_at] == quote && !(_at + 1 < text.Length && text[_at + 1] == quote)) break;
            else if (text[_at] == quote) _at++;
        }
        _at = Math.Min(_at + 1, text.Length);
        return kind;
    }

    /// <summary>Of <c>$tag$</c> that begins here; 0 when none does.</summary>
    private int TagLength()
    {
        int end = _at + 1;
        while (end < text.Length && IsWord(text[end])) end++;
        return end < text.Length && text[end] == '$' && !char.IsAsciiDigit(text[_at + 1]) ? end + 1 - _at : 0;
    }

    private int EndOf(string mark, int from)
    {
        int found = text.IndexOf(mark, from, StringComparison.Ordinal);
        return found < 0 ? text.Length : found + mark.Length;
    }

    private bool Follows(string mark) => string.CompareOrdinal(text, _at, mark, 0, mark.Length) == 0;

    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_' || c >= 0x80;
}
