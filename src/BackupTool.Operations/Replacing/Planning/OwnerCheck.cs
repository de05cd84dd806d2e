using BackupTool.Posix;
using BackupTool.Services.Sources.Files;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>
/// Whether the restored files would belong to whom they belonged in the snapshot. Judged number by number: entries that were taken over from an older snapshot may know a user by an older name.
/// </summary>
/// <param name="policy">What is asked for.</param>
/// <param name="placeOf">Where a top is in the live file system; null for one that is not restored.</param>
/// <param name="ours">Who restores.</param>
internal sealed class OwnerCheck(OwnerPolicy policy, Func<int, BytePath?> placeOf, SystemUser ours)
{
    // systemd gives these to services with DynamicUser=, a new one at every start, and mends the owner of a state directory (systemd.exec(5), UIDS-GIDS.md).
    private const uint FirstDynamic = 61184, LastDynamic = 65519;

    private readonly List<PlacementProblem> _problems = [];
    private readonly List<string> _notes = [];
    private readonly Dictionary<uint, uint> _users = [], _groups = [];

    internal IReadOnlyList<PlacementProblem> Problems => _problems;

    internal IReadOnlyList<string> Notes => _notes;

    internal IReadOnlyDictionary<uint, uint> UserMap => _users;

    internal IReadOnlyDictionary<uint, uint> GroupMap => _groups;

    internal void Run(OwnerCensus census)
    {
        var numbers = census.Owners.Where(owner => placeOf(owner.Key.Top) is not null).GroupBy(static owner => (owner.Key.IsGroup, owner.Key.Number)).OrderBy(static number => number.Key);
        foreach (var number in numbers)
        {
            var owner = new Claim(number.Key.IsGroup, number.Key.Number, [.. number]);
            if (policy == OwnerPolicy.ByName) MapByName(owner);
            else if (policy == OwnerPolicy.Checked && !IsRight(owner)) Refuse(owner);
            RefuseForeign(owner);
        }
    }

    private static bool IsLeftToSystemd(uint number) => number is 0 or (>= FirstDynamic and <= LastDynamic);

    private bool IsRight(Claim claim)
    {
        if (IsLeftToSystemd(claim.Number)) return true;
        string here = claim.NameHere;
        if (claim.Names.Count == 0 ? here.Length == 0 : claim.Names.Exists(name => claim.FindHere(name) == claim.Number)) return true;
        // A user who was renamed, or never had a name: what is there now says that it is the same one. Nobody at all is no such case, nor is a name that means another number.
        bool mayBeTheSame = here.Length > 0 && claim.Names.TrueForAll(name => claim.FindHere(name) is null);
        return mayBeTheSame && claim.Tops.TrueForAll(top => OwnsSomething(claim, placeOf(top)!.Value));
    }

    private static bool OwnsSomething(Claim claim, BytePath live)
    {
        if (!PosixDirectory.Current.TryGetStatus(live, out FileStatus top)) return false;
        if (top.Kind != FileKind.Directory) return claim.IsOwnerOf(top);
        return FileTree.Walk(live, static (_, _) => false, static _ => { }).Any(entry => claim.IsOwnerOf(entry.Status));
    }

    private void Refuse(Claim claim)
    {
        (string kind, uint number, string name) = (claim.Kind, claim.Number, claim.Names.FirstOrDefault(""));
        uint? elsewhere = name.Length == 0 ? null : claim.FindHere(name);
        string here = claim.NameHere;
        string problem = elsewhere is { } other ? $"here {name} is {claim.NumberKind} {other}{(here.Length > 0 ? $", and {number} is {here}" : "")}"
            : here.Length > 0 ? $"here {number} is {here}{(name.Length > 0 ? $", and nobody is called {name}" : "")}"
            : $"here no {kind} has this name or this number";
        string create = $"Create the {kind} {name} first, as the service's package or the system's configuration does";
        string hint = elsewhere is not null ? "Add --map-owners to give them to whom has the name here, or --numeric-owner to restore the numbers as they are."
            : name.Length == 0 ? "Add --numeric-owner to restore the numbers as they are."
            : here.Length > 0 ? $"{create}, and add --map-owners; or add --numeric-owner to restore the numbers as they are."
            : $"{create}, or add --numeric-owner to restore the numbers as they are.";
        _problems.Add(new PlacementProblem($"In the snapshot {claim.Describe()}; {problem}.", hint));
    }

    private void MapByName(Claim claim)
    {
        if (claim.Number == 0) return;
        if (claim.Names.Count == 0)
        {
            if (!IsLeftToSystemd(claim.Number)) _notes.Add($"In the snapshot {claim.Describe()}: without a name the number stays as it is.");
            return;
        }
        List<uint> numbers = [.. claim.Names.Select(claim.FindHere).OfType<uint>().Distinct()];
        if (numbers is [var found])
        {
            if (found != claim.Number) (claim.IsGroup ? _groups : _users)[claim.Number] = found;
        }
        else if (numbers.Count > 1)
            _problems.Add(new PlacementProblem($"In the snapshot {claim.Describe()}; here these names are {numbers.Count} different ones.", "Restore the numbers as they are with --numeric-owner."));
        else if (!IsLeftToSystemd(claim.Number))
            _problems.Add(new PlacementProblem($"In the snapshot {claim.Describe()}; here no {claim.Kind} has this name.",
                $"Create the {claim.Kind} first, as the service's package or the system's configuration does, or restore the numbers as they are with --numeric-owner."));
    }

    private void RefuseForeign(Claim claim)
    {
        if (ours.Uid == 0) return;
        uint number = (claim.IsGroup ? _groups : _users).GetValueOrDefault(claim.Number, claim.Number);
        if (number != (claim.IsGroup ? ours.Gid : ours.Uid))
            _problems.Add(new PlacementProblem($"In the snapshot {claim.Describe()}, and only root may give files to others: this process is {claim.NumberKind} {(claim.IsGroup ? ours.Gid : ours.Uid)}.", "Run this as root."));
    }

    /// <summary>One number, and everything that it owns in the snapshot.</summary>
    private sealed record Claim(bool IsGroup, uint Number, List<KeyValuePair<SnapshotOwner, Property>> Owned)
    {
        internal string Kind => IsGroup ? "group" : "user";

        internal string NumberKind => IsGroup ? "gid" : "uid";

        internal string NameHere => IsGroup ? PosixIdentity.GroupName(Number) : PosixIdentity.UserName(Number);

        internal List<string> Names { get; } = [.. Owned.Select(static owned => owned.Key.Name).Where(static name => name.Length > 0).Distinct().Order(StringComparer.Ordinal)];

        internal List<int> Tops { get; } = [.. Owned.Select(static owned => owned.Key.Top).Distinct()];

        internal uint? FindHere(string name) => IsGroup ? PosixIdentity.FindGroup(name) : SystemUser.Find(name)?.Uid;

        internal bool IsOwnerOf(in FileStatus status) => Number == (IsGroup ? status.Gid : status.Uid);

        internal string Describe()
        {
            long entries = Owned.Sum(static owned => owned.Value.Entries);
            string who = Names.Count == 0 ? $"the {Kind} without a name that has {NumberKind} {Number}" : $"the {Kind} {string.Join(" or ", Names)}, {NumberKind} {Number},";
            return $"{who} has {entries:N0} {(entries == 1 ? "entry" : "entries")}{(entries == 1 ? "" : ", one of them")} /{Owned[0].Value.Example}";
        }
    }
}
