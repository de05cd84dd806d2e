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
    private readonly Action<BytePath, string> _warn;

    internal PluginFacts(ServiceLayout layout, ServiceSnapshot? parent, Action<BytePath, string> warn)
    {
        _directories = [.. layout.PluginDirectories.Select(static directory => SymlinkChain.Resolve(directory).Target)];
        (_parent, _warn) = (parent, warn);
    }

    internal SortedDictionary<string, string> Facts { get; } = new(StringComparer.Ordinal);

    internal void Look(BytePath path, bool unchanged)
    {
        if (_directories.Count == 0 || !path.Bytes.EndsWith(".mbp"u8) || !_directories.Contains(path.Parent)) return;
        string key = $"plugin {path}";
        if (unchanged && _parent?.Facts.TryGetValue(key, out string? known) == true)
        {
            Facts.Add(key, known);
            return;
        }
        try
        {
            MaubotPlugin plugin = MaubotPlugin.Read(path);
            Facts.Add(key, $"{plugin.Id} {plugin.Version}");
        }
        catch (DamagedPluginException e)
        {
            _warn(path, $"is stored as it is, but is damaged: {e.Message}");
        }
    }
}
