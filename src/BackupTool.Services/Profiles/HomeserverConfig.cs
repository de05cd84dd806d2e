using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Health;
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

    /// <summary>How to ask whether it is up; null when it listens on a Unix socket only.</summary>
    internal required HealthProbe? Health { get; init; }

    /// <summary><c>unix_socket_path</c>.</summary>
    internal required string? UnixSocket { get; init; }

    /// <summary>How many commands <c>admin_signal_execute</c> has the server run at SIGUSR2.</summary>
    internal required int SignalCommands { get; init; }

    /// <summary>Whether one of those makes a backup, which is kept.</summary>
    internal required bool BacksUpOnSignal { get; init; }

    internal static HomeserverConfig Read(BytePath file, string service, string kind)
    {
        TomlDocument document = TomlDocument.Parse(ServiceConfigFile.Read(file, service));
        if (document.Problems is [var first, ..]) throw ServiceConfigFile.Unreadable(file, service, "valid TOML", first.Place);
        TomlTable global = document.Root.FindTable("global") ?? document.Root;
        TomlTable? media = global.FindTable("media");

        if (global.FindText("database_backend") is not (null or "rocksdb"))
            throw new ServiceLayoutException($"`database_backend` in {file} is not `rocksdb`, and this version knows no other of this server's databases.",
                "Stop the server for the backup and back its directory up as a service of kind `files`, or move it to RocksDB.");
        List<string> commands = TextsOf(global.Find("admin_signal_execute")?.Value);
        string? socket = global.FindText("unix_socket_path");
        return new HomeserverConfig
        {
            File = file,
            UnixSocket = socket,
            Health = ReadHealth(global, socket, kind),
            SignalCommands = commands.Count,
            BacksUpOnSignal = commands.Exists(IsBackup) && (global.FindWholeNumber("database_backups_to_keep") ?? 1) > 0,
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

    /// <summary>
    /// The members of the family listen on both loopback addresses unless <c>address</c> or <c>unix_socket_path</c> is there, on port 8008 (conduit: 127.0.0.1, 8000).
    /// </summary>
    private static HealthProbe? ReadHealth(TomlTable global, string? socket, string kind)
    {
        List<string> hosts = TextsOf(global.Find("address")?.Value);
        if (hosts.Count == 0)
        {
            if (!string.IsNullOrEmpty(socket)) return null;
            hosts = ["127.0.0.1"];
        }
        long? port = global.Find("port")?.Value switch
        {
            TomlArray { Items: [TomlOther { WholeNumber: { } first }, ..] } => first,
            TomlOther number => number.WholeNumber,
            _ => kind == "conduit" ? 8000 : 8008,
        };
        ListenAddress? address = ListenAddress.Choose(hosts, port?.ToString(CultureInfo.InvariantCulture));
        bool isTls = global.FindTable("tls") is { } tls && tls.FindText("certs") is not null && !tls.IsTrue("dual_protocol");
        return isTls ? address?.Connect() : address?.Get("/_matrix/client/versions", 200);
    }

    /// <summary>As the server's console reads a command: words between blanks, <c>admin</c> in front may be left out, an underscore is a dash.</summary>
    private static bool IsBackup(string command)
    {
        string[] words = command.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length > 0 && words[0].EndsWith("admin", StringComparison.Ordinal)) words = words[1..];
        return words is ["server", var verb] && verb.Replace('_', '-') == "backup-database";
    }

    private static List<string> TextsOf(TomlNode? node) => node switch
    {
        TomlText text => [text.Value],
        TomlArray array => [.. array.Items.OfType<TomlText>().Select(static text => text.Value)],
        _ => [],
    };
}
