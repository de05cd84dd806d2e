using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Services.Profiles;

/// <summary>What the TOML of a conduwuit-family homeserver says of its state. The keys stand in <c>[global]</c>, or at the top.</summary>
internal sealed record HomeserverConfig
{
    /// <summary>The file it was read from.</summary>
    internal required BytePath File { get; init; }

    /// <summary><c>database_path</c>; null when the file does not say.</summary>
    internal required BytePath? DatabasePath { get; init; }

    /// <summary><c>database_backup_path</c>: where the server keeps the backups that it makes online.</summary>
    internal required BytePath? BackupPath { get; init; }

    /// <summary>conduit's <c>[global.media] path</c>; null for media inside the database's directory.</summary>
    internal required BytePath? MediaPath { get; init; }

    /// <summary><c>server_name</c>.</summary>
    internal required string? ServerName { get; init; }

    /// <summary>Whether media are kept elsewhere than in files.</summary>
    internal required bool HasRemoteMedia { get; init; }

    internal static HomeserverConfig Read(BytePath file, string service)
    {
        TomlDocument document = TomlDocument.Parse(ServiceConfigFile.Read(file, service));
        if (document.Problems is [var first, ..]) throw ServiceConfigFile.Unreadable(file, service, "valid TOML", first.Place);
        TomlTable global = document.Root.FindTable("global") ?? document.Root;
        TomlTable? media = global.FindTable("media");

        if (global.FindText("database_backend") is not (null or "rocksdb"))
            throw new ServiceLayoutException($"`database_backend` in {file} is not `rocksdb`, and this version knows no other of this server's databases.",
                "Stop the server for the backup and back its directory up as a service of kind `files`, or move it to RocksDB.");
        return new HomeserverConfig
        {
            File = file,
            DatabasePath = ReadPath(global, "database_path", file),
            BackupPath = ReadPath(global, "database_backup_path", file),
            MediaPath = media is null ? null : ReadPath(media, "path", file),
            ServerName = global.FindText("server_name"),
            HasRemoteMedia = media?.FindText("backend") is not (null or "filesystem"),
        };
    }

    private static BytePath? ReadPath(TomlTable table, string key, BytePath file)
    {
        if (table.Find(key) is not { } entry) return null;
        if (entry.Value is TomlText { Value: ['/', ..] text } && ConfiguredPath.TryResolve(default, text) is { } path) return path;
        throw new ServiceLayoutException($"`{key}` in {file}, line {entry.Value.Place.Line}, is not an absolute path without `..`.",
            "Write it so: what a relative path starts from depends on how the server is run.");
    }
}
