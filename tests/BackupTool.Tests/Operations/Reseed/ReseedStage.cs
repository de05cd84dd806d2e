using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Posix;
using BackupTool.Services.Maubot;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Reseed;

/// <summary>A snapshot's files, a wiped maubot and a homeserver.</summary>
internal sealed class ReseedStage : IAsyncDisposable
{
    private const string Secret = "a-secret-that-signs-tokens";
    private readonly TemporaryDirectory _directory = new();

    internal ReseedStage(bool startsHomeserver = true)
    {
        SnapshotPlugins = _directory.Make("snapshot/plugins");
        Live = _directory.Make("live");
        Homeserver = startsHomeserver ? new FakeHomeserver() : null;
        Url = Homeserver?.Url ?? $"http://127.0.0.1:{FakeHttpServer.FindFreePort()}";
        Maubot = StartMaubot();
    }

    internal FakeHomeserver? Homeserver { get; }

    internal string Url { get; }

    internal FakeMaubot Maubot { get; private set; }

    internal string SnapshotPlugins { get; }

    internal string Live { get; }

    internal string Below(string name) => _directory.Below(name);

    /// <summary>Two clients, three instances (one disabled), two plugins: one of them still on the wiped maubot's disk, with the database of an instance.</summary>
    internal async Task<MaubotSeed> SeedUsualAsync()
    {
        AddPlugin("xyz.echo", "1.0", database: true);
        AddPlugin("xyz.remind", "v2.0-beta.1");
        AddClient("@a:x", "syt_token_of_a", "DEVA");
        AddClient("@b:x", "syt_token_of_b", "", "0");
        AddInstance("echo", "xyz.echo", "@a:x", "greeting: hush");
        AddInstance("remind", "xyz.remind", "@a:x");
        AddInstance("resting", "xyz.echo", "@b:x", enabled: "0");
        await LeaveOnDiskAsync("xyz.echo", "1.0");
        File.WriteAllBytes(Path.Combine(Live, "plugins", "echo.db"), []);
        return ReadSeed();
    }

    internal void AddPlugin(string id, string version, bool database = false, string mainClass = "Bot") =>
        File.WriteAllBytes(Path.Combine(SnapshotPlugins, $"{id}-v{version}.mbp"), FakePlugin.Make(id, version, database, mainClass));

    internal void AddClient(string id, string token, string device, string enabled = "1", bool known = true)
    {
        if (known) Homeserver?.AddToken(token, id, device.Length > 0 ? device : "OTHER");
        Change($"INSERT INTO client VALUES ('{id}', '{Url}', '{token}', '{device}', {enabled}, 's99', '7', 1, 1, 1, 'disable', 'disable')");
    }

    internal void AddInstance(string id, string type, string client, string config = "", string enabled = "1") =>
        Change($"INSERT INTO instance VALUES ('{id}', '{type}', {enabled}, '{client}', '{config}', 'sqlite')");

    internal void Change(string sql)
    {
        using var store = new FakeMaubotStore(_directory.Below("snapshot/bot.db"));
        store.Execute(sql);
    }

    internal MaubotSeed ReadSeed() => MaubotSeed.Read(BytePath.From(_directory.Below("snapshot/bot.db")), [BytePath.From(SnapshotPlugins), BytePath.From(_directory.Below("nowhere"))], TimeProvider.System);

    internal async Task LeaveOnDiskAsync(string id, string version)
    {
        await Maubot.DisposeAsync();
        File.WriteAllBytes(Path.Combine(Live, "plugins", $"{id}-v{version}.mbp"), FakePlugin.Make(id, version, true));
        Maubot = StartMaubot();
    }

    internal async Task RestartMaubotAsync()
    {
        await Maubot.DisposeAsync();
        Maubot = StartMaubot();
    }

    internal async Task<MaubotReseedReport> RunAsync(MaubotSeed seed, ClientPasswords? passwords = null, TimeSpan? timeout = null, List<string>? told = null, CancellationTokenSource? kill = null)
    {
        using MaubotApi api = Enter();
        return await Make(api, passwords, timeout, told).RunAsync(seed, kill?.Token ?? CancellationToken.None);
    }

    internal async Task<MaubotReseedPlan> PlanAsync(MaubotSeed seed, ClientPasswords? passwords = null)
    {
        using MaubotApi api = Enter();
        return await Make(api, passwords, null, null).PlanAsync(seed, CancellationToken.None);
    }

    private static MaubotReseed Make(MaubotApi api, ClientPasswords? passwords, TimeSpan? timeout, List<string>? told) => new(api,
        new MaubotReseedOptions { StartTimeout = timeout ?? TimeSpan.FromSeconds(20), FreshDevices = passwords, Observe = told is null ? static _ => { } : told.Add, HomeserverPatience = Hasty }, TimeProvider.System);

    internal MaubotApi Enter()
    {
        var api = new MaubotApi(Maubot.BaseAddress, TimeProvider.System, Hasty);
        api.UseToken(MaubotToken.Sign(new SecretText(Secret), MaubotToken.Root, DateTimeOffset.UnixEpoch));
        return api;
    }

    private static MaubotPatience Hasty { get; } = new() { Request = TimeSpan.FromSeconds(20), Pauses = [TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(20)] };

    /// <summary>What maubot's database says, without what it made itself.</summary>
    internal async Task<string> DescribeAsync()
    {
        using MaubotApi api = Enter();
        MaubotInventory inventory = await api.ReadInventoryAsync(CancellationToken.None);
        return string.Join('\n', [.. inventory.Plugins.Select(static p => $"{p}").Order(StringComparer.Ordinal), .. inventory.Clients.Select(static c => $"{c} {c.Settings.AccessToken.Reveal()}"), .. inventory.Instances.Select(static i => $"{i} {i.Settings.Config.Reveal()}")]);
    }

    private FakeMaubot StartMaubot() => FakeMaubot.Start(new FakeMaubotOptions { Directory = Live, UnsharedSecret = Secret });

    public async ValueTask DisposeAsync()
    {
        await Maubot.DisposeAsync();
        if (Homeserver is not null) await Homeserver.DisposeAsync();
        _directory.Dispose();
    }
}
