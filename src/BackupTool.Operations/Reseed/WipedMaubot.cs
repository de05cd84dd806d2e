using BackupTool.Operations.Replacing;
using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Posix;
using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Reseed;

/// <summary>What of a maubot is there again.</summary>
internal sealed record BotsBack
{
    internal static BotsBack None { get; } = new();

    internal IReadOnlyList<ReseededPlugin> Plugins { get; init; } = [];

    internal IReadOnlyList<ReseededClient> Clients { get; init; } = [];

    internal IReadOnlyList<ReseededInstance> Instances { get; init; } = [];

    /// <summary>Databases of bots whose instance is there again.</summary>
    internal IReadOnlyList<BytePath> Reattached { get; init; } = [];

    /// <summary>Databases of bots without an instance.</summary>
    internal IReadOnlyList<BytePath> Orphaned { get; init; } = [];

    /// <summary>What could have come back and did not.</summary>
    internal IReadOnlyList<string> Losses { get; init; } = [];

    /// <summary>What is good to know.</summary>
    internal IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>A maubot with a new main database: what was in the old one is made again, or seen to be there, through its management interface.</summary>
internal sealed class WipedMaubot(WipeTargets targets, ReplacementContext context)
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(2);

    /// <summary>What the old database held.</summary>
    internal MaubotSeed ReadSeed(BytePath database, BytePath? plugins) => MaubotSeed.Read(database, plugins is { } directory ? [directory] : [], context.Time);

    /// <summary>Makes plugins, clients and instances.</summary>
    /// <exception cref="ExplainedException">Maubot does not answer, or not to us.</exception>
    internal async Task<BotsBack> ReseedAsync(MaubotSeed seed, ClientPasswords? freshDevices, CancellationToken cancellationToken)
    {
        using MaubotApi api = Enter();
        var options = new MaubotReseedOptions { StartTimeout = StartTimeout, FreshDevices = freshDevices, Observe = context.Progress.Message };
        MaubotReseedReport report = await new MaubotReseed(api, options, context.Time).RunAsync(seed, cancellationToken);
        BotsBack disk = LookAtDisk([.. report.Instances.Where(static instance => instance.Outcome != ReseedOutcome.Failed).Select(static instance => instance.Id)]);
        return disk with
        {
            Plugins = report.Plugins,
            Clients = report.Clients,
            Instances = report.Instances,
            Losses =
            [
                .. report.Plugins.Where(static plugin => plugin.Outcome == ReseedOutcome.Failed).Select(static plugin => $"plugin {plugin.Id} {plugin.Version}: {plugin.Reason}"),
                .. LossesOf(report.Clients, report.Instances),
            ],
            Notes = [.. report.Warnings, .. report.Clients.SelectMany(static client => client.Warnings), .. report.Instances.SelectMany(static instance => instance.Warnings)],
        };
    }

    /// <summary>Waits until all that the rows told it to start has started, and tells what has not.</summary>
    internal async Task<BotsBack> ReadBackAsync(MaubotSeed seed, CancellationToken cancellationToken)
    {
        BotsBack disk = LookAtDisk([.. seed.Instances.Select(static instance => instance.Id)]);
        try
        {
            using MaubotApi api = Enter();
            MaubotInventory seen = await StartWatch.WaitAsync(() => api.ReadInventoryAsync(cancellationToken), inventory => IsSettled(seed, inventory), StartTimeout, context.Time, cancellationToken);
            List<ReseededClient> clients = [.. seed.Clients.Select(client => Judge(client, seen))];
            List<ReseededInstance> instances = [.. seed.Instances.Select(instance => Judge(instance, seen))];
            return disk with { Clients = clients, Instances = instances, Losses = [.. LossesOf(clients, instances)] };
        }
        catch (MaubotApiException e)
        {
            return disk with { Losses = [$"whether {seed.Clients.Count} clients and {seed.Instances.Count} instances run could not be read back from maubot's management interface: {e.Message}"] };
        }
    }

    /// <summary>Which databases of bots belong to instances, and which to none.</summary>
    internal BotsBack LookAtDisk(IReadOnlyCollection<string> instances)
    {
        if (targets.Layout?.InstanceDatabaseDirectory is not { } path || !PosixFile.TryGetStatusFollowing(path, out FileStatus status) || status.Kind != FileKind.Directory) return BotsBack.None;
        using PosixDirectory directory = PosixDirectory.Open(path);
        // The main database may lie in the same directory.
        List<BytePath> databases = [.. directory.ReadNames().Where(static name => name.Bytes.EndsWith(".db"u8)).Order().Select(name => path.Combine(name)).Where(file => targets.Files.All(wiped => wiped.Live.Name != file.Name))];
        HashSet<BytePath> owned = [.. instances.Select(static id => BytePath.From($"{id}.db"))];
        return new BotsBack { Reattached = databases.FindAll(file => owned.Contains(file.Name)), Orphaned = databases.FindAll(file => !owned.Contains(file.Name)) };
    }

    private MaubotApi Enter()
    {
        BytePath config = BytePath.From(targets.Layout!.Facts["config"]);
        MaubotManagement management = MaubotManagement.Read(config, targets.Settings.Name);
        var api = new MaubotApi(management.BaseAddress, context.Time);
        try
        {
            api.UseToken(management.SignToken(config, context.Time));
            return api;
        }
        catch
        {
            api.Dispose();
            throw;
        }
    }

    private static bool IsSettled(MaubotSeed seed, MaubotInventory seen) =>
        seed.Clients.All(client => !client.Enabled || seen.Clients.FirstOrDefault(each => each.Settings.Id == client.Id) is null or { IsStarted: true } or { Settings.Enabled: false })
        && seed.Instances.All(instance => !instance.Enabled || seen.Instances.FirstOrDefault(each => each.Settings.Id == instance.Id) is null or { IsStarted: true } or { Settings.Enabled: false });

    private static ReseededClient Judge(MaubotClientSettings client, MaubotInventory seen)
    {
        MaubotClientState? state = seen.Clients.FirstOrDefault(each => each.Settings.Id == client.Id);
        string? reason = state is null ? "maubot does not list it" : !client.Enabled || state.IsStarted ? null : !state.Settings.Enabled ? "maubot has disabled it: its log says why" : "it has not started: maubot's log says why";
        return new ReseededClient(client.Id, state is null ? ReseedOutcome.Failed : ReseedOutcome.AlreadyThere, client.Enabled, state?.IsStarted ?? false, null, reason, []);
    }

    private static ReseededInstance Judge(MaubotInstanceSettings instance, MaubotInventory seen)
    {
        MaubotInstanceState? state = seen.Instances.FirstOrDefault(each => each.Settings.Id == instance.Id);
        string? reason = state is null ? "maubot does not list it" : !instance.Enabled || state.IsStarted ? null : !state.Settings.Enabled ? "maubot has disabled it: its plugin or client is missing or does not start" : "it has not started: maubot's log says why";
        return new ReseededInstance(instance.Id, instance.Type, instance.PrimaryUser, state is null ? ReseedOutcome.Failed : ReseedOutcome.AlreadyThere, instance.Enabled, state?.IsStarted ?? false, state?.HasDatabase ?? false, reason, []);
    }

    private static IEnumerable<string> LossesOf(IEnumerable<ReseededClient> clients, IEnumerable<ReseededInstance> instances) =>
    [
        .. clients.Where(static client => client.Outcome == ReseedOutcome.Failed || (client.IsEnabled && !client.IsStarted)).Select(static client => $"client {client.Id}: {client.Reason ?? "it has not started"}"),
        .. instances.Where(static instance => instance.Outcome == ReseedOutcome.Failed || instance.Reason is not null || (instance.IsEnabled && !instance.IsStarted)).Select(static instance => $"instance {instance.Id}: {instance.Reason ?? "it has not started"}"),
    ];
}
