using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Reads the database URIs of Python services (maubot, older bridges). <c>sqlite:x</c> is relative to the working directory; <c>sqlite:/x</c>, which maubot makes of <c>sqlite:////x</c> when it
/// writes its configuration anew, and <c>sqlite:////x</c> are absolute. <c>sqlite:///x</c> is relative to SQLAlchemy and to maubot (<c>maubot/config.py</c> rewrites it), but absolute to today's
/// mautrix-python (<c>async_db/aiosqlite.py</c> takes the URI's path as it is): the one that is there is meant.
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

        string path = Uri.UnescapeDataString(uri[(colon + 1)..].Split('?', '#')[0]);
        if (!path.StartsWith("//", StringComparison.Ordinal)) return ConfiguredPath.Resolve(workingDirectory, path, key, file);
        if (!path.StartsWith("///", StringComparison.Ordinal)) throw NotUnderstood(key, file);   // sqlite://host/…
        BytePath relative = ConfiguredPath.Resolve(workingDirectory, path[3..], key, file), absolute = ConfiguredPath.Resolve(workingDirectory, path[2..], key, file);
        return !Exists(relative) && Exists(absolute) ? absolute : relative;
    }

    private static bool Exists(BytePath path) => PosixFile.TryGetStatusFollowing(path, out _);

    private static ServiceLayoutException NotUnderstood(string key, BytePath file) => new(
        $"`{key}` in {file} is not a database URI that this version understands.", "It reads `sqlite:FILE` (relative), `sqlite:/ABSOLUTE/FILE`, `sqlite:////ABSOLUTE/FILE` and `postgresql://…`.");
}
