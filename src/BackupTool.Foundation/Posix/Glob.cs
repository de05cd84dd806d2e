using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace BackupTool.Posix;

/// <summary>A pattern that cannot be read as a <see cref="Glob"/>.</summary>
public sealed class InvalidGlobException(string message) : ExplainedException(message,
    "Write `*`, `?`, `**` between slashes, `[abc]`; put `\\` before a character that stands for itself, and `\\xNN` for a byte.");

/// <summary>
/// A pattern over paths, in bytes, as <c>.gitignore</c> has them: <c>*</c> and <c>?</c> do not cross a <c>/</c>, <c>**</c> as a whole
/// component stands for any number of components, <c>[abc]</c>, <c>[a-z]</c> and <c>[!a]</c> for one character, <c>\</c> takes the next character
/// as it is, <c>\xNN</c> is a byte. A pattern without a <c>/</c> but at its end matches a name at any depth; any other is anchored to the root.
/// A <c>/</c> at the end matches directories only. Case matters; a leading dot is nothing special.
/// </summary>
/// <remarks>
/// One character is one code point where the name is UTF-8, else one byte. Matching takes time proportional to pattern × path at worst, whatever
/// the pattern: a mismatch goes back to the last star only, never to the ones before it.
/// </remarks>
public sealed class Glob
{
    /// <summary>A component of the pattern; null stands for <c>**</c>.</summary>
    private readonly GlobComponent?[] _components;
    private readonly bool _directoriesOnly;

    private Glob(string pattern, GlobComponent?[] components, bool directoriesOnly)
    {
        Pattern = pattern;
        _components = components;
        _directoriesOnly = directoriesOnly;
    }

    /// <summary>The pattern as it was written.</summary>
    public string Pattern { get; }

    /// <inheritdoc cref="Glob"/>
    /// <exception cref="InvalidGlobException">It is empty, names the root, or has a class or an escape that does not end.</exception>
    public static Glob Parse(string pattern) =>
        TryParse(pattern, out Glob? glob, out string? problem) ? glob : throw new InvalidGlobException($"The pattern `{pattern}` {problem}.");

    /// <summary>Reads a pattern; when it cannot be read, <paramref name="problem"/> continues the sentence "the pattern …".</summary>
    public static bool TryParse(string pattern, [NotNullWhen(true)] out Glob? glob, [NotNullWhen(false)] out string? problem)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        glob = null;
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(pattern);
        bool anchored = rest.StartsWith("/"u8), directoriesOnly = rest.EndsWith("/"u8);
        rest = rest.Trim((byte)'/');
        problem = rest.IsEmpty ? "is empty" : rest.Contains((byte)0) ? "holds a NUL byte" : null;

        var components = new List<GlobComponent?>();
        while (problem is null && !rest.IsEmpty)
        {
            int slash = rest.IndexOf((byte)'/');
            ReadOnlySpan<byte> text = slash < 0 ? rest : rest[..slash];
            if (text.SequenceEqual("**"u8)) components.Add(null);
            else if (text.SequenceEqual("."u8) || text.SequenceEqual(".."u8)) problem = "has a `.` or `..` component, which no stored path has";
            else if (!text.IsEmpty && GlobComponent.TryParse(text, out GlobComponent? component, out problem)) components.Add(component);
            rest = slash < 0 ? [] : rest[(slash + 1)..];
        }
        if (problem is not null) return false;
        if (!anchored && components is [not null]) components.Insert(0, null);
        glob = new Glob(pattern, [.. components], directoriesOnly);
        return true;
    }

    /// <summary>Whether the pattern matches this very path. A leading <c>/</c> of the path means nothing: it is relative to the root the pattern is for.</summary>
    public bool IsMatch(BytePath path, bool isDirectory) =>
        (isDirectory || !_directoriesOnly) && IsMatch(path.Bytes.Trim((byte)'/'));

    /// <summary>Whether the pattern matches this path or a directory that it lies in: what an exclusion leaves out and an inclusion takes along.</summary>
    public bool Covers(BytePath path, bool isDirectory) => Covers(path.Bytes, isDirectory);

    /// <inheritdoc cref="Covers(BytePath, bool)"/>
    public bool Covers(ReadOnlySpan<byte> path, bool isDirectory)
    {
        ReadOnlySpan<byte> bytes = path.Trim((byte)'/');
        for (int at = 0; at < bytes.Length; at++)
            if (bytes[at] == (byte)'/' && IsMatch(bytes[..at])) return true;
        return (isDirectory || !_directoriesOnly) && IsMatch(bytes);
    }

    /// <inheritdoc/>
    public override string ToString() => Pattern;

    private bool IsMatch(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty) return false;
        // The star algorithm over components: after a mismatch the last `**` takes one component more.
        int pattern = 0, at = 0, starPattern = -1, starAt = 0;
        while (at <= path.Length)
        {
            int end = path[at..].IndexOf((byte)'/');
            end = end < 0 ? path.Length : at + end;
            if (pattern < _components.Length && _components[pattern] is null)
            {
                if (pattern == _components.Length - 1) return true;   // at least one component is left for it
                starPattern = pattern++;
                starAt = at;
            }
            else if (pattern < _components.Length && _components[pattern]!.IsMatch(path[at..end]))
            {
                pattern++;
                at = end + 1;
            }
            else if (starPattern >= 0)
            {
                int taken = path[starAt..].IndexOf((byte)'/');
                if (taken < 0) return false;
                at = starAt += taken + 1;
                pattern = starPattern + 1;
            }
            else return false;
        }
        return pattern == _components.Length;
    }
}
