using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles.Ini;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>Forgejo's app.ini (or Gitea's): where it says the state is, with the defaults of modules/setting.</summary>
internal sealed class ForgejoConfig
{
    private readonly IniDocument _ini;
    private readonly ServiceFacts _facts;

    private ForgejoConfig(IniDocument ini, BytePath file, BytePath workPath, ServiceFacts facts)
    {
        (_ini, File, _facts) = (ini, file, facts);
        WorkPath = ini.Own("DEFAULT", "WORK_PATH") is { } own ? Resolve(workPath, own, "WORK_PATH") : workPath;
        DataPath = Resolve(WorkPath, ini.Text("server", "APP_DATA_PATH") ?? "data", "server.APP_DATA_PATH");
        // app.ini is read from the custom directory unless it is named; the two are then found apart.
        CustomPath = file.Parent.Name == BytePath.From("conf") && !file.IsAtOrBelow(BytePath.From("/etc")) ? file.Parent.Parent : WorkPath.Combine("custom");
    }

    internal BytePath File { get; }

    /// <summary>The directory that it runs in.</summary>
    internal BytePath WorkPath { get; }

    /// <summary><c>APP_DATA_PATH</c>.</summary>
    internal BytePath DataPath { get; }

    /// <summary>Templates, and below conf the secrets that NixOS makes.</summary>
    internal BytePath CustomPath { get; }

    internal string? DatabaseType => _ini.Text("database", "DB_TYPE");

    internal string? RootUrl => _ini.Text("server", "ROOT_URL");

    internal static ForgejoConfig Read(BytePath file, ServiceFacts facts, BytePath workPath)
    {
        try
        {
            return new ForgejoConfig(IniDocument.Parse(ServiceConfigFile.Read(file, facts.Name)), file, workPath, facts);
        }
        catch (IniFormatException e)
        {
            throw ServiceConfigFile.Unreadable(file, facts.Name, "a Forgejo configuration", e.Place);
        }
    }

    /// <summary>The repositories' directory, and whether the configuration names it.</summary>
    internal (BytePath Path, bool IsNamed) ReadRepositoryRoot() =>
        _ini.Text("repository", "ROOT") is { } root ? (Resolve(WorkPath, root, "repository.ROOT"), true)
            : (FirstThere(DataPath, "gitea-repositories", "forgejo-repositories"), false);

    /// <summary>The SQLite file, for <c>sqlite3</c>.</summary>
    internal BytePath ReadSqliteFile() =>
        _ini.Text("database", "PATH") is { } path ? Resolve(WorkPath, path, "database.PATH") : FirstThere(DataPath, "forgejo.db", "gitea.db");

    /// <summary>The PostgreSQL database, for <c>postgres</c>. HOST is an address with or without port, or the directory of a socket; empty, it is 127.0.0.1.</summary>
    internal PostgresTarget ReadPostgres()
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        string host = _ini.Text("database", "HOST_PRIMARY") ?? _ini.Text("database", "HOST") ?? "127.0.0.1";
        int colon = host.LastIndexOf(':');
        bool hasPort = colon >= 0 && !host.Contains(',', StringComparison.Ordinal) && (host.IndexOf(':', StringComparison.Ordinal) == colon || host[colon - 1] == ']');
        if (hasPort && host.Length > colon + 1) settings["port"] = host[(colon + 1)..];
        settings["host"] = (hasPort ? host[..colon] : host).TrimStart('[').TrimEnd(']') is { Length: > 0 } address ? address : "127.0.0.1";
        if (_ini.Text("database", "NAME") is { } name) settings["dbname"] = name.Split('?')[0];
        if (_ini.Text("database", "USER") is { } user) settings["user"] = user;
        if (_ini.Text("database", "PASSWD") is { } password) settings["password"] = password;
        return PostgresUri.Resolve(settings, "database", File, _facts.Name, _facts.Postgres);
    }

    /// <summary>Every kind of stored file: where it is, or null when it is in an object store.</summary>
    internal List<(string Name, BytePath? Path)> ReadStorages() =>
    [
        ("attachments", Storage("attachments", null, "attachment", null)),
        ("lfs", Storage("lfs", null, "lfs", _ini.Text("server", "LFS_CONTENT_PATH"))),
        ("avatars", Storage("avatars", _ini.Text("picture", "AVATAR_STORAGE_TYPE"), "avatar", _ini.Text("picture", "AVATAR_UPLOAD_PATH"))),
        ("repo-avatars", Storage("repo-avatars", _ini.Text("picture", "REPOSITORY_AVATAR_STORAGE_TYPE"), "repo-avatar", _ini.Text("picture", "REPOSITORY_AVATAR_UPLOAD_PATH"))),
        ("packages", Storage("packages", null, "packages", null)),
        ("repo-archive", Storage("repo-archive", null, "repo-archive", null)),
        ("actions_log", Storage("actions_log", null, null, null)),
        ("actions_artifacts", Storage("actions_artifacts", null, "storage.actions_artifacts", null)),
    ];

    /// <summary>The files that hold secrets which the configuration does not hold itself; by key.</summary>
    internal List<(string Key, BytePath Path)> ReadSecretFiles()
    {
        List<(string, BytePath)> files = [];
        foreach ((string section, string key) in ((string, string)[])[("security", "SECRET_KEY_URI"), ("security", "INTERNAL_TOKEN_URI"), ("oauth2", "JWT_SECRET_URI"), ("server", "LFS_JWT_SECRET_URI"), ("database", "PASSWD_URI")])
            if (_ini.Text(section, key) is { } uri) files.Add(($"{section}.{key}", Resolve(WorkPath, Uri.UnescapeDataString(uri.StartsWith("file:", StringComparison.Ordinal) ? uri["file:".Length..] : uri), $"{section}.{key}")));
        foreach ((string section, string key, BytePath from) in ((string, string, BytePath)[])[("oauth2", "JWT_SIGNING_PRIVATE_KEY_FILE", DataPath), ("server", "CERT_FILE", CustomPath), ("server", "KEY_FILE", CustomPath), ("server", "SSH_ROOT_PATH", WorkPath)])
            if (_ini.Text(section, key) is { } path) files.Add(($"{section}.{key}", Resolve(from, path, $"{section}.{key}")));
        return files;
    }

    /// <summary>What Forgejo makes again by itself: its search indexes at the next start; logs, sessions and temporary files are no state of the forge.</summary>
    internal List<(BytePath Path, string Reason)> ReadDispensable()
    {
        List<(BytePath, string)> found =
        [
            (Path("indexer", "ISSUE_INDEXER_PATH", DataPath, "indexers/issues.bleve"), "the search index of issues: made again at the next start"),
            (Path("indexer", "REPO_INDEXER_PATH", DataPath, "indexers/repos.bleve"), "the search index of code: made again at the next start"),
            (Path("log", "ROOT_PATH", WorkPath, "log"), "logs: no state"),
            (DataPath.Combine("tmp"), "temporary files"),
        ];
        if ((_ini.Text("session", "PROVIDER") ?? "memory") == "file")
            found.Add((Path("session", "PROVIDER_CONFIG", DataPath, "sessions"), "login sessions: left out by Forgejo's own dump too"));
        return found;

        BytePath Path(string section, string key, BytePath from, string byDefault) =>
            _ini.Text(section, key)?.Trim('"', ' ') is { Length: > 0 } text ? Resolve(WorkPath, text, $"{section}.{key}") : from.Combine(byDefault);
    }

    /// <summary>Over plain HTTP it is asked; TLS and the proxy protocol are only connected to, a Unix socket not even that.</summary>
    internal HealthProbe? ReadHealth(Action<string> note)
    {
        string protocol = _ini.Text("server", "PROTOCOL") ?? "http";
        ListenAddress? address = protocol is "http" or "https" ? ListenAddress.Choose([_ini.Text("server", "HTTP_ADDR") ?? "0.0.0.0"], _ini.Text("server", "HTTP_PORT") ?? "3000") : null;
        if (address is null)
        {
            note($"{File} has no HTTP address that can be asked over TCP: only its unit is asked for its health.");
            return null;
        }
        return protocol == "https" || _ini.IsTrue("server", "USE_PROXY_PROTOCOL") ? address.Connect() : address.Get("/api/healthz", 200);
    }

    /// <summary>modules/setting/storage.go, getStorage: the section of the kind, then [storage.TYPE], then [storage.KIND], then [storage].</summary>
    private BytePath? Storage(string name, string? type, string? section, string? oldPath)
    {
        bool isOwn = section is not null && _ini.Has(section);
        type ??= isOwn ? _ini.Text(section!, "STORAGE_TYPE") : null;
        string target = "storage";
        bool isShared = true;   // [storage] is for all kinds, so its PATH is the parent of theirs
        if (type is "local" or "minio" && !_ini.Has($"storage.{type}") && isOwn && _ini.Own(section!, "STORAGE_TYPE") is not null) (target, isShared) = (section!, false);
        else if (type is not null && _ini.Has($"storage.{type}")) (target, isShared) = ($"storage.{type}", false);
        else if (_ini.Has($"storage.{name}"))
        {
            string? named = _ini.Text($"storage.{name}", "STORAGE_TYPE");
            if (named is not null && _ini.Has($"storage.{named}")) (target, isShared, type) = ($"storage.{named}", false, type ?? named);
            else if (named is not null || _ini.Own($"storage.{name}", "PATH") is not null) (target, isShared, type) = ($"storage.{name}", false, type ?? named ?? "local");
        }
        string kind = _ini.Text(target, "STORAGE_TYPE") ?? type ?? "local";
        if (kind is not "local" && _ini.Text($"storage.{kind}", "STORAGE_TYPE") is not "local") return null;

        string? targetPath = _ini.Own(target, "PATH");
        BytePath byDefault = targetPath is null ? DataPath.Combine(name) : isShared ? Resolve(DataPath, targetPath, $"{target}.PATH").Combine(name) : Resolve(DataPath, targetPath, $"{target}.PATH");
        string? path = (section is null || target == section ? null : _ini.Own(section, "PATH")) ?? (target == $"storage.{name}" ? null : _ini.Own($"storage.{name}", "PATH")) ?? (targetPath is null || isShared ? oldPath : null);
        return path is null ? byDefault : Resolve(targetPath is null ? DataPath : Resolve(DataPath, targetPath, $"{target}.PATH"), path, $"{section ?? target}.PATH");
    }

    private BytePath Resolve(BytePath from, string text, string key) => ConfiguredPath.Resolve(from, text, key, File);

    private static BytePath FirstThere(BytePath directory, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            if (PosixFile.TryGetStatusFollowing(directory.Combine(name), out _)) return directory.Combine(name);
        return directory.Combine(names[0]);
    }
}
