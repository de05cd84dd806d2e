using BackupTool.Posix;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// What replacements leave in the state directory besides the states themselves: what a wipe salvaged of damaged databases (<c>salvaged/ID/</c>) and the reports of how they ended
/// (<c>replacements/ID….json</c>). It is kept as long as a replaced state is: access tokens and journal lines are not to lie about for ever.
/// </summary>
internal static class ReplacementLeftovers
{
    private static readonly BytePath SalvagedName = BytePath.From("salvaged");

    /// <summary>Where the wipe with this id puts what it salvages.</summary>
    internal static BytePath SalvagedDirectory(BytePath stateDirectory, string id) => stateDirectory.Combine(SalvagedName).Combine(id);

    /// <summary>Removes what the wipe with this id salvaged.</summary>
    internal static void RemoveSalvaged(BytePath stateDirectory, string id) => PosixDirectory.Current.RemoveTree(SalvagedDirectory(stateDirectory, id));

    /// <summary>Removes what was last changed before a time, of all replacements but those whose state is kept.</summary>
    /// <param name="stateDirectory">The tool's own.</param>
    /// <param name="before">The oldest that stays.</param>
    /// <param name="kept">Ids of the replacements whose other state is there.</param>
    /// <returns>What was removed.</returns>
    /// <exception cref="PosixException">Something cannot be removed.</exception>
    internal static IReadOnlyList<BytePath> RemoveOlder(BytePath stateDirectory, DateTimeOffset before, IReadOnlyCollection<string> kept)
    {
        var removed = new List<BytePath>();
        foreach (BytePath name in new[] { SalvagedName, ReplacementReport.DirectoryName })
        {
            if (!PosixFile.TryGetStatusFollowing(stateDirectory.Combine(name), out _)) continue;
            using PosixDirectory directory = PosixDirectory.Open(stateDirectory.Combine(name));
            foreach (BytePath entry in directory.ReadNames())
            {
                if (kept.Any(id => entry.ToString().StartsWith(id, StringComparison.Ordinal)) || directory.GetStatus(entry).ModifiedAt.ToDateTimeOffset() >= before) continue;
                directory.RemoveTree(entry);
                removed.Add(directory.Full(entry));
            }
        }
        return removed;
    }
}
