using BackupTool.Posix;
using BackupTool.Repositories.Archives;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>An owner as a snapshot knows him.</summary>
/// <param name="IsGroup">A group, not a user.</param>
/// <param name="Number">His number there.</param>
/// <param name="Name">His name there; empty where the number had none.</param>
/// <param name="Top">The number of the top that he owns something of.</param>
internal readonly record struct SnapshotOwner(bool IsGroup, uint Number, string Name, int Top);

/// <summary>What somebody owns.</summary>
/// <param name="Entries">Members.</param>
/// <param name="Example">One of them.</param>
internal readonly record struct Property(long Entries, BytePath Example);

/// <summary>Whose the wanted members of an archive are, counted.</summary>
internal sealed class OwnerCensus
{
    private readonly Dictionary<SnapshotOwner, Property> _owners = [];

    internal IReadOnlyDictionary<SnapshotOwner, Property> Owners => _owners;

    internal void Add(CatalogEntry entry, int top)
    {
        Count(new SnapshotOwner(false, entry.Uid, entry.UserName, top), entry.Path);
        Count(new SnapshotOwner(true, entry.Gid, entry.GroupName, top), entry.Path);
    }

    private void Count(SnapshotOwner owner, BytePath path)
    {
        ref Property property = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_owners, owner, out bool isThere);
        property = isThere ? property with { Entries = property.Entries + 1 } : new Property(1, path);
    }
}
