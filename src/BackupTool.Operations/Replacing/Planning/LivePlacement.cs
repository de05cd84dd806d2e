using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>What of the live file system a restore in place replaces. With <see cref="Problems"/> it must not be carried out.</summary>
internal sealed record LivePlacement
{
    /// <summary>In tree order of the members. None of them lies in another, in the archive or live.</summary>
    internal required IReadOnlyList<PlacedItem> Items { get; init; }

    /// <summary>Those further out first.</summary>
    internal IReadOnlyList<MissingParent> MissingParents { get; init; } = [];

    /// <summary>Why it must not be done; empty when it may.</summary>
    internal IReadOnlyList<PlacementProblem> Problems { get; init; } = [];

    /// <summary>What an operator should know, as sentences.</summary>
    internal IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Users whose number here is another than in the snapshot: from, to. Any other number stays.</summary>
    internal IReadOnlyDictionary<uint, uint> UserMap { get; init; } = new Dictionary<uint, uint>();

    /// <summary>The same of groups.</summary>
    internal IReadOnlyDictionary<uint, uint> GroupMap { get; init; } = new Dictionary<uint, uint>();

    /// <summary>Members that are wanted, without PostgreSQL dumps: 0 when the patterns match nothing. More than the items have, where something is left as it is.</summary>
    internal long WantedEntries { get; init; }

    /// <summary>Decides. Reads only: the catalog twice at most, and the live trees that are replaced.</summary>
    /// <param name="repository">Holds the archive.</param>
    /// <param name="index">Its chunks.</param>
    /// <param name="service">What is restored. PostgreSQL dumps in it are passed over: they are no files of the live system.</param>
    /// <param name="include">Only what one of these matches (see <see cref="Restore.MemberSelection"/>); everything when empty.</param>
    /// <param name="settings">The service as the configuration has it; null when it has none of this name.</param>
    /// <param name="liveLayout">The service as its profile describes it now; null when it cannot be described.</param>
    /// <param name="configuration">This tool's own.</param>
    /// <param name="owners">Whose the files are to be.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ExplainedException">The catalog is damaged, or the live system cannot be read.</exception>
    internal static Task<LivePlacement> PlanAsync(
        Repository repository, ChunkIndex index, ServiceSnapshot service, IReadOnlyList<Glob> include, ServiceSettings? settings, ServiceLayout? liveLayout,
        BackupConfiguration configuration, OwnerPolicy owners, CancellationToken cancellationToken) =>
        PlacementPlanner.PlanAsync(repository, index, new PlacementRequest
        {
            Service = service,
            Include = include,
            Settings = settings,
            LiveLayout = liveLayout,
            Configuration = configuration,
            Owners = owners,
        }, cancellationToken);

    /// <summary>The item that a member belongs to; null for one that is not restored.</summary>
    internal PlacedItem? Find(BytePath member)
    {
        int low = 0, high = Items.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (member.IsAtOrBelow(Items[middle].Member)) return Items[middle];
            if (Items[middle].Member < member) low = middle + 1;
            else high = middle - 1;
        }
        return null;
    }

    /// <summary>The member with the owner that it gets here.</summary>
    internal TarMember MapOwner(TarMember member) =>
        UserMap.Count == 0 && GroupMap.Count == 0 ? member
        : member with { Uid = UserMap.GetValueOrDefault(member.Uid, member.Uid), Gid = GroupMap.GetValueOrDefault(member.Gid, member.Gid) };
}
