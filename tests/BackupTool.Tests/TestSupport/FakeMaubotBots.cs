using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.TestSupport;

/// <summary>The plugins, clients and instances of a <see cref="FakeMaubot"/>: what is set is in its database, what runs is here.</summary>
internal sealed class FakeMaubotBots : IAsyncDisposable
{
    private readonly FakeMaubotOptions _options;
    private readonly HttpClient _homeserver = new(new SocketsHttpHandler { UseProxy = false });
    private readonly CancellationTokenSource _ending = new();
    private readonly Dictionary<string, FakePlugin> _plugins = [];
    private readonly HashSet<string> _started = [];
    private readonly List<Task> _work = [];
    private readonly Lock _lock = new();

    internal FakeMaubotBots(FakeMaubotOptions options)
    {
        _options = options;
        Directory.CreateDirectory(PluginDirectory);
        Directory.CreateDirectory(Path.Combine(options.Directory, "trash"));
        Store = new FakeMaubotStore(Path.Combine(options.Directory, "bot.db"), options.SchemaVersion);
        foreach (string file in Directory.GetFiles(PluginDirectory, "*.mbp").Order(StringComparer.Ordinal)) LoadOrTrash(file);
        // Starting disables instances whose plugin or client is missing.
        foreach (Dictionary<string, object?> instance in Instances())
            if (!_plugins.ContainsKey(Text(instance, "type")) || Client(Text(instance, "primary_user")) is null) Set("instance", Text(instance, "id"), "enabled", false);
        foreach (Dictionary<string, object?> client in Clients()) Begin(() => StartClientAsync(Text(client, "id")));
    }

    internal FakeMaubotStore Store { get; }

    private string PluginDirectory => Path.Combine(_options.Directory, "plugins");

    internal List<Dictionary<string, object?>> Clients() => Store.Query("SELECT * FROM client ORDER BY id");

    internal List<Dictionary<string, object?>> Instances() => Store.Query("SELECT * FROM instance ORDER BY id");

    internal Dictionary<string, object?>? Client(string id) => Store.Query("SELECT * FROM client WHERE id = $1", id).FirstOrDefault();

    internal Dictionary<string, object?>? Instance(string id) => Store.Query("SELECT * FROM instance WHERE id = $1", id).FirstOrDefault();

    internal JsonArray DescribePlugins()
    {
        lock (_lock) return new JsonArray([.. _plugins.Values.Select(plugin => (JsonNode)new JsonObject { ["id"] = plugin.Id, ["version"] = plugin.Version, ["instances"] = new JsonArray(), ["path"] = plugin.Path })]);
    }

    internal JsonNode Describe(Dictionary<string, object?> row) => new JsonObject
    {
        ["id"] = Text(row, "id"),
        ["homeserver"] = Text(row, "homeserver"),
        ["access_token"] = Text(row, "access_token"),
        ["device_id"] = Text(row, "device_id"),
        ["fingerprint"] = null,
        ["enabled"] = Flag(row, "enabled"),
        ["started"] = IsStarted("client", Text(row, "id")),
        ["sync"] = Flag(row, "sync"),
        ["sync_ok"] = true,
        ["autojoin"] = Flag(row, "autojoin"),
        ["online"] = Flag(row, "online"),
        ["displayname"] = Text(row, "displayname"),
        ["avatar_url"] = Text(row, "avatar_url"),
        ["instances"] = new JsonArray([.. Instances().Where(instance => Text(instance, "primary_user") == Text(row, "id")).Select(DescribeInstance)]),
    };

    internal JsonNode DescribeInstance(Dictionary<string, object?> row) => new JsonObject
    {
        ["id"] = Text(row, "id"),
        ["type"] = Text(row, "type"),
        ["enabled"] = Flag(row, "enabled"),
        ["started"] = IsStarted("instance", Text(row, "id")),
        ["primary_user"] = Text(row, "primary_user"),
        ["config"] = Text(row, "config"),
        ["database"] = IsStarted("instance", Text(row, "id")) && FindPlugin(Text(row, "type"))?.HasDatabase == true,
        ["database_engine"] = row.GetValueOrDefault("database_engine") as string,
    };

    internal (int, JsonNode?) Upload(byte[] content)
    {
        if (FakePlugin.TryRead(new MemoryStream(content), "") is not { } plugin) return FakeMaubot.Error(400, "plugin_invalid", "File is not a maubot plugin");
        lock (_lock)
        {
            if (_plugins.ContainsKey(plugin.Id)) return FakeMaubot.Error(409, "plugin_exists", "A plugin with the same ID as the uploaded plugin already exists");
            string path = Path.Combine(PluginDirectory, $"{plugin.Id}-v{plugin.Version}.mbp");
            File.WriteAllBytes(path, content);
            _plugins[plugin.Id] = plugin with { Path = path };
            return (201, new JsonObject { ["id"] = plugin.Id, ["version"] = plugin.Version, ["instances"] = new JsonArray(), ["path"] = path });
        }
    }

    /// <summary>With an id, the token must be of that user and device; without, a client of whoever the token is of is made.</summary>
    internal async Task<(int, JsonNode?)> CreateClientAsync(string? id, JsonObject data)
    {
        string homeserver = (string?)data["homeserver"] ?? "", token = (string?)data["access_token"] ?? "", device = (string?)data["device_id"] ?? "";
        Whoami who = await AskAsync(homeserver, token);
        if (who.Refusal() is { } refusal) return refusal;
        if (id is null && Client(who.User!) is not null) return FakeMaubot.Error(409, "user_exists", "There is already a client with the user ID of that token");
        if (id is not null && Mismatch(who, id, device) is { } mismatch) return mismatch;
        bool Given(string key) => (bool?)data[key] ?? true;
        Store.Execute("INSERT INTO client VALUES ($1, $2, $3, $4, $5, '', '', $6, $7, $8, $9, $10)", who.User, homeserver, token, device, Given("enabled"), Given("sync"), Given("autojoin"), Given("online"),
            (string?)data["displayname"] ?? "disable", (string?)data["avatar_url"] ?? "disable");
        Begin(() => StartClientAsync(who.User!));
        return (201, Describe(Client(who.User!)!));
    }

    internal async Task<(int, JsonNode?)> UpdateClientAsync(string id, JsonObject data)
    {
        Dictionary<string, object?> row = Client(id)!;
        string? homeserver = (string?)data["homeserver"], token = (string?)data["access_token"];
        string device = (string?)data["device_id"] ?? Text(row, "device_id");
        if ((homeserver ?? token) is not null && (homeserver != Text(row, "homeserver") || token != Text(row, "access_token") || device != Text(row, "device_id")))
        {
            Whoami who = await AskAsync(homeserver ?? Text(row, "homeserver"), token ?? Text(row, "access_token"));
            if (who.Refusal() is { } refusal) return refusal;
            if (Mismatch(who, id, device) is { } mismatch) return mismatch;
            // As the real one: what was not sent is set to null, which the table refuses.
            Store.Execute("UPDATE client SET homeserver = $1, access_token = $2, device_id = $3 WHERE id = $4", homeserver, token, device, id);
        }
        // The order is the real one's: a disabled client is not started by the request that enables it.
        if ((bool?)data["started"] is { } started && started != IsStarted("client", id)) await StartOrStopClientAsync(id, started);
        foreach (string key in (string[])["enabled", "sync", "autojoin", "online", "displayname", "avatar_url"])
            if (data[key] is JsonValue value) Set("client", id, key, value.TryGetValue(out bool flag) ? flag : (string?)value);
        return (200, Describe(Client(id)!));
    }

    internal (int, JsonNode?) ClearCache(string id)
    {
        if (Client(id) is null) return FakeMaubot.Error(404, "client_not_found", "Client not found");
        Store.Execute("UPDATE client SET next_batch = '', filter_id = '' WHERE id = $1", id);
        return (200, new JsonObject { ["success"] = true });
    }

    internal (int, JsonNode?) PutInstance(string id, JsonObject data)
    {
        string? type = (string?)data["type"], user = (string?)data["primary_user"];
        bool isNew = Instance(id) is null;
        if (isNew && string.IsNullOrEmpty(type)) return FakeMaubot.Error(400, "plugin_type_required", "Plugin type is required when creating plugin instances");
        if (isNew && string.IsNullOrEmpty(user)) return FakeMaubot.Error(400, "primary_user_required", "Primary user is required when creating plugin instances");
        if (user is not null && Client(user) is null) return FakeMaubot.Error(404, "primary_user_not_found", "Client for given primary user not found");
        if (isNew && FindPlugin(type!) is null) return FakeMaubot.Error(404, "plugin_type_not_found", "Given plugin type not found");
        if (isNew)
        {
            Store.Execute("INSERT INTO instance (id, type, enabled, primary_user, config) VALUES ($1, $2, $3, $4, $5)", id, type, (bool?)data["enabled"] ?? true, user, (string?)data["config"] ?? "");
            Begin(() => StartInstanceAsync(id));
            return (201, DescribeInstance(Instance(id)!));
        }
        if (user is not null) Set("instance", id, "primary_user", user);
        if ((bool?)data["enabled"] is { } enabled) Set("instance", id, "enabled", enabled);
        if ((string?)data["config"] is { } config) Set("instance", id, "config", config);
        if ((bool?)data["started"] == false) SetStarted("instance", id, false);
        if ((bool?)data["started"] == true && !IsStarted("instance", id)) Begin(() => StartInstanceAsync(id));
        if (type is not null && FindPlugin(type) is not null) Set("instance", id, "type", type);
        return (200, DescribeInstance(Instance(id)!));
    }

    private void LoadOrTrash(string file)
    {
        using FileStream content = File.OpenRead(file);
        if (FakePlugin.TryRead(content, file) is { } plugin && _plugins.TryAdd(plugin.Id, plugin)) return;
        File.Move(file, Path.Combine(_options.Directory, "trash", string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}-error-{Path.GetFileName(file)}")));
    }

    private async Task StartClientAsync(string id)
    {
        for (int attempt = 1; ; attempt++)
        {
            await Task.Delay(attempt == 1 ? _options.StartDelay : _options.RetryDelay, _ending.Token);
            if (Client(id) is not { } row || !Flag(row, "enabled") || IsStarted("client", id)) return;
            Whoami who = await AskAsync(Text(row, "homeserver"), Text(row, "access_token"));
            if (who.HasAnswered || attempt >= _options.Attempts)
            {
                if (!who.HasAnswered || who.Refusal() is not null || Mismatch(who, id, Text(row, "device_id")) is not null) Set("client", id, "enabled", false);
                else await StartWithItsInstancesAsync(id);
                return;
            }
        }
    }

    private async Task StartWithItsInstancesAsync(string id)
    {
        SetStarted("client", id, true);
        foreach (Dictionary<string, object?> instance in Instances().Where(instance => Text(instance, "primary_user") == id)) await StartInstanceAsync(Text(instance, "id"));
    }

    private async Task StartOrStopClientAsync(string id, bool started)
    {
        if (started) await StartClientAsync(id);
        else SetStarted("client", id, false);
    }

    private async Task StartInstanceAsync(string id)
    {
        await Task.Delay(_options.StartDelay, _ending.Token);
        if (Instance(id) is not { } row || !Flag(row, "enabled") || IsStarted("instance", id) || FindPlugin(Text(row, "type")) is not { } plugin) return;
        if (plugin.IsBroken)
        {
            Set("instance", id, "enabled", false);
            return;
        }
        if (plugin.HasDatabase) OpenDatabase(id, row);
        SetStarted("instance", id, true);
    }

    /// <summary>The database of that id, whoever made it; every start leaves a row in it.</summary>
    private void OpenDatabase(string id, Dictionary<string, object?> row)
    {
        if (row.TryGetValue("database_engine", out object? engine) && engine is null) Set("instance", id, "database_engine", "sqlite");
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(PluginDirectory, $"{id}.db"), Pooling = false }.ToString());
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS start (at TEXT); INSERT INTO start VALUES (datetime('now'))";
        command.ExecuteNonQuery();
    }

    private sealed record Whoami(bool HasAnswered, HttpStatusCode Status, string? User, string? Device)
    {
        internal (int, JsonNode?)? Refusal() => !HasAnswered ? FakeMaubot.Error(400, "bad_client_connection_details", "Could not connect to homeserver")
            : Status == HttpStatusCode.Unauthorized ? FakeMaubot.Error(400, "bad_client_access_token", "Invalid access token")
            : User is null ? FakeMaubot.Error(400, "bad_client_access_details", "Invalid homeserver or access token") : null;
    }

    private static (int, JsonNode?)? Mismatch(Whoami who, string id, string device) =>
        who.User != id ? FakeMaubot.Error(400, "mxid_mismatch", $"The Matrix user ID of the client and the user ID of the access token don't match. Access token is for user {who.User}")
        : who.Device is { } other && device.Length > 0 && other != device
            ? FakeMaubot.Error(400, "mxid_mismatch", $"The Matrix device ID of the client and the device ID of the access token don't match. Access token is for device {other}") : null;

    private async Task<Whoami> AskAsync(string homeserver, string token)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{homeserver.TrimEnd('/')}/_matrix/client/v3/account/whoami");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using HttpResponseMessage response = await _homeserver.SendAsync(request, _ending.Token);
            JsonNode? answer = response.IsSuccessStatusCode ? JsonNode.Parse(await response.Content.ReadAsStringAsync(_ending.Token)) : null;
            return new Whoami(true, response.StatusCode, (string?)answer?["user_id"], (string?)answer?["device_id"]);
        }
        catch (HttpRequestException)
        {
            return new Whoami(false, 0, null, null);
        }
    }

    private FakePlugin? FindPlugin(string id)
    {
        lock (_lock) return _plugins.GetValueOrDefault(id);
    }

    private bool IsStarted(string kind, string id)
    {
        lock (_lock) return _started.Contains($"{kind} {id}");
    }

    private void SetStarted(string kind, string id, bool started)
    {
        lock (_lock) _ = started ? _started.Add($"{kind} {id}") : _started.Remove($"{kind} {id}");
    }

    private void Set(string table, string id, string column, object? value) => Store.Execute($"UPDATE {table} SET {column} = $1 WHERE id = $2", value, id);

    private static string Text(Dictionary<string, object?> row, string column) => (string)row[column]!;

    private static bool Flag(Dictionary<string, object?> row, string column) => (long)row[column]! != 0;

    private void Begin(Func<Task> work)
    {
        lock (_lock) _work.Add(Task.Run(work));
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        Task[] work;
        lock (_lock) work = [.. _work];
        try
        {
            await Task.WhenAll(work);
        }
        catch (OperationCanceledException)
        {
            // What was still starting has ended with us.
        }
        Store.Dispose();
        _homeserver.Dispose();
        _ending.Dispose();
    }
}
