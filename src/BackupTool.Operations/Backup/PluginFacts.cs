using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Files;

namespace BackupTool.Operations.Backup;

/// <summary>
/// What the maubot plugins of a service are: <c>plugin PATH</c> → <c>ID VERSION</c>. A plugin that has not changed is not opened again: the parent knows it.
/// </summary>
internal sealed class PluginFacts
{
    private readonly List<BytePath> _directories;
    private readonly ServiceSnapshot? _parent;

    internal PluginFacts(ServiceLayout layout, ServiceSnapshot? parent)
    {
        _directories = [.. layout.PluginDirectories.Select(static directory => SymlinkChain.Resolve(directory).Target)];
        _parent = parent;
    }

    internal SortedDictionary<string, string> Facts { get; } = new(StringComparer.Ordinal);

    internal bool IsPlugin(BytePath path) => _directories.Count > 0 && path.Bytes.EndsWith(".mbp"u8) && _directories.Contains(path.Parent);

    /// <summary>Looks at a plugin; what is damaged is told to <paramref name="warn"/>.</summary>
    /// <param name="path">The plugin.</param>
    /// <param name="content">Where to read it: a copy of it, or itself.</param>
    /// <param name="unchanged">Whether the parent's word for it still holds.</param>
    /// <param name="warn">Told of damage.</param>
    internal void Look(BytePath path, BytePath content, bool unchanged, Action<BytePath, string> warn)
    {
        string key = $"plugin {path}";
        if (unchanged && _parent?.Facts.TryGetValue(key, out string? known) == true)
        {
            Facts.Add(key, known);
            return;
        }
        try
        {
            MaubotPlugin plugin = MaubotPlugin.Read(content);
            Facts.Add(key, $"{plugin.Id} {plugin.Version}");
        }
        catch (DamagedPluginException e)
        {
            warn(path, $"is stored as it is, but is damaged: {e.Message}");
        }
    }
}
