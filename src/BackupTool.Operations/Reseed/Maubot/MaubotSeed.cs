using BackupTool.Posix;
using BackupTool.Services.Maubot;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>A plugin file of a snapshot.</summary>
/// <param name="File">Where it lies.</param>
/// <param name="Id">The plugin's id.</param>
/// <param name="Version">As its maubot.yaml writes it.</param>
public sealed record SeedPlugin(BytePath File, string Id, string Version);

/// <summary>What a maubot is made from anew: read from its files as they were restored from a snapshot. Shows no secrets.</summary>
public sealed record MaubotSeed
{
    /// <summary>One file for every plugin: the newest.</summary>
    public required IReadOnlyList<SeedPlugin> Plugins { get; init; }

    /// <summary>The clients.</summary>
    public required IReadOnlyList<MaubotClientSettings> Clients { get; init; }

    /// <summary>The instances.</summary>
    public required IReadOnlyList<MaubotInstanceSettings> Instances { get; init; }

    /// <summary>The clients that end-to-end encryption keys were kept for; null when that cannot be told.</summary>
    public required IReadOnlySet<string>? ClientsWithKeys { get; init; }

    /// <summary>What of the snapshot cannot be used, and why.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Reads a snapshot's database and plugins.</summary>
    /// <param name="database">Its <c>bot.db</c>, restored.</param>
    /// <param name="pluginDirectories">Its directories of <c>*.mbp</c> files, restored; one that is not there holds nothing.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ExplainedException">As <see cref="MaubotDatabase.Read"/>.</exception>
    /// <exception cref="PosixException">A directory cannot be read.</exception>
    public static MaubotSeed Read(BytePath database, IEnumerable<BytePath> pluginDirectories, TimeProvider time)
    {
        MaubotDatabase read = MaubotDatabase.Read(database, time);
        var problems = new List<string>(read.Problems);
        var plugins = new SortedDictionary<string, SeedPlugin>(StringComparer.Ordinal);
        foreach (SeedPlugin plugin in pluginDirectories.SelectMany(FindFiles).Select(file => TryRead(file, problems)).OfType<SeedPlugin>())
        {
            SeedPlugin? other = plugins.GetValueOrDefault(plugin.Id);
            bool isNewer = other is null || PluginVersion.Compare(plugin.Version, other.Version) > 0;
            if (other is not null)
                problems.Add($"The plugin {plugin.Id} is there more than once: {(isNewer ? plugin : other).File} is used, and {(isNewer ? other : plugin).File} is not. Maubot loads one of an id.");
            if (isNewer) plugins[plugin.Id] = plugin;
        }
        return new MaubotSeed { Plugins = [.. plugins.Values], Clients = read.Clients, Instances = read.Instances, ClientsWithKeys = read.ClientsWithKeys, Problems = problems };
    }

    /// <summary>As maubot does: files right in the directory that end in <c>.mbp</c>.</summary>
    private static List<BytePath> FindFiles(BytePath path)
    {
        if (!PosixFile.TryGetStatusFollowing(path, out FileStatus status) || status.Kind != FileKind.Directory) return [];
        using PosixDirectory directory = PosixDirectory.Open(path);
        return [.. directory.ReadNames().Where(static name => name.Bytes.EndsWith(".mbp"u8)).Order().Select(name => path.Combine(name))];
    }

    private static SeedPlugin? TryRead(BytePath file, List<string> problems)
    {
        try
        {
            MaubotPlugin plugin = MaubotPlugin.Read(file);
            return new SeedPlugin(file, plugin.Id, plugin.Version);
        }
        catch (DamagedPluginException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }
}
