using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Reads the database URIs of Python services (maubot, older bridges): <c>sqlite:x</c> and <c>sqlite:///x</c> name x relative to the working
/// directory, <c>sqlite:////x</c> is absolute. The rule is mautrix-python's: one leading slash of the URI's path is dropped.
/// </summary>
internal static class DatabaseUri
{
    /// <summary>The file of an SQLite URI. Messages never quote the URI: it may hold a password.</summary>
    /// <exception cref="ServiceLayoutException">It is not understood.</exception>
    internal static BytePath ResolveSqlite(string uri, string key, BytePath workingDirectory, BytePath file)
    {
        int colon = uri.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon < 0 ? "" : uri[..colon].Split('+')[0].ToLowerInvariant();
        if (scheme is not ("sqlite" or "sqlite3")) throw NotUnderstood(key, file);

        string path = uri[(colon + 1)..].Split('?', '#')[0];
        if (path.StartsWith("//", StringComparison.Ordinal))
        {
            if (!path.StartsWith("///", StringComparison.Ordinal)) throw NotUnderstood(key, file);   // sqlite://host/…
            path = path[2..];
        }
        if (path.StartsWith('/')) path = path[1..];
        return ConfiguredPath.Resolve(workingDirectory, Uri.UnescapeDataString(path), key, file);
    }

    private static ServiceLayoutException NotUnderstood(string key, BytePath file) => new(
        $"`{key}` in {file} is not a database URI that this version understands.", "It reads `sqlite:FILE`, `sqlite:///FILE` (both relative), `sqlite:////ABSOLUTE/FILE` and `postgresql://…`.");
}
