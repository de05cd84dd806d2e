using BackupTool.Operations.Configuration;
using BackupTool.Operations.Restore;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>What is to be put back into the live file system, and what is known of the service as it is now.</summary>
internal sealed record PlacementRequest
{
    /// <summary>What is restored.</summary>
    internal required ServiceSnapshot Service { get; init; }

    /// <summary>Only what one of these matches (see <see cref="MemberSelection"/>); everything when empty.</summary>
    internal IReadOnlyList<Glob> Include { get; init; } = [];

    /// <summary>The service as the configuration has it; null when it has none of this name.</summary>
    internal ServiceSettings? Settings { get; init; }

    /// <summary>The service as its profile describes it now; null when it cannot be described.</summary>
    internal ServiceLayout? LiveLayout { get; init; }

    /// <summary>This tool's own configuration.</summary>
    internal required BackupConfiguration Configuration { get; init; }

    /// <summary>Whose the files are to be.</summary>
    internal OwnerPolicy Owners { get; init; }
}

/// <summary>
/// Decides what of the live file system a restore in place replaces, and finds what is in its way. Reads only: the catalog twice at most, and the live trees that are replaced.
/// </summary>
internal sealed class PlacementPlanner
{
    private readonly PlacementRequest _request;
    private readonly MemberSelection _selection;
    private readonly ArchiveSurvey _survey;
    private readonly LiveObstacles _obstacles;
    private readonly ManagedThings _managed = new();
    private readonly Dictionary<int, PlacedItem> _items = [];   // by the number of their top
    private readonly Dictionary<BytePath, uint> _missing = [];
    private readonly List<(PlacedItem Item, BytePath LinkTarget)> _replaced = [];
    private readonly PlacementFindings _findings = new();

    private PlacementPlanner(PlacementRequest request, MemberSelection selection, ArchiveSurvey survey)
    {
        (_request, _selection, _survey) = (request, selection, survey);
        _obstacles = new LiveObstacles(request.Configuration, MountTable.Read());
    }

    /// <summary>Decides.</summary>
    /// <exception cref="ExplainedException">The catalog is damaged, or the live system cannot be looked at.</exception>
    internal static async Task<LivePlacement> PlanAsync(Repository repository, ChunkIndex index, PlacementRequest request, CancellationToken cancellationToken)
    {
        var selection = new MemberSelection(request.Include, request.Service);
        ArchiveSurvey survey = await ArchiveSurvey.TakeAsync(repository, index, request.Service.Archive, selection, cancellationToken);
        if (survey.HasTooMany) return new LivePlacement { Items = [], Problems = [TooMany(survey)], WantedEntries = survey.Entries };
        var planner = new PlacementPlanner(request, selection, survey);
        planner.PlaceTops(cancellationToken);
        return await planner.CompleteAsync(repository, index, cancellationToken);
    }

    private void PlaceTops(CancellationToken cancellationToken)
    {
        for (int number = 0; number < _survey.Tops.Count; number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                Place(number, _survey.Tops[number]);
            }
            catch (NoPlaceException e)
            {
                _findings.Add(new PlacementProblem(e.Message, e.Hint!));
            }
            catch (PosixException e)
            {
                _findings.Add(new PlacementProblem($"/{_survey.Tops[number].Member} cannot be looked at: {e.Message}.", "Run as root, and see that the file system is mounted and healthy."));
            }
        }
        RefuseTwice();
    }

    private void Place(int number, WantedTop top)
    {
        BytePath path = top.IsEverything ? new BytePath("/"u8) : new BytePath([(byte)'/', .. top.Member.Bytes]);
        bool isLink = top.Kind == FileKind.SymbolicLink;
        LivePlace place = LivePlace.Find(path, followLast: !isLink);
        if (isLink && LeavesLink(top, place)) return;
        PlacedItem item = ItemAt(place, top);
        _replaced.Add((item, top.Entry.LinkTarget));
        bool isSystemOwned = SystemOwned.Holds(place.Path);
        if (isSystemOwned || WriteObstacles.IsOnReadOnlyFileSystem(isLink || place.Status is null ? place.Above : place.Path))
        {
            _managed.Add(top, place, isSystemOwned);
            return;
        }
        if (place.Path.Parent != path.Parent && place.Path.Name == path.Name) _findings.Note($"{path.Parent} is {place.Path.Parent} here, behind a symbolic link: what is there is replaced.");
        else if (place.Path != path) _findings.Note($"{path} is {place.Path} here, behind a symbolic link: that is replaced.");
        _items.Add(number, item);
        foreach (BytePath directory in place.Missing) _missing.TryAdd(directory, ModeOf(directory));
        if (_obstacles.Find(place, top.Kind) is { } problem) _findings.Add(problem);
    }

    private PlacedItem ItemAt(LivePlace place, WantedTop top) => new()
    {
        Live = place.Path,
        Member = top.Member,
        Kind = top.Kind,
        IsThere = place.Status is not null,
        IsDatabase = top.Kind == FileKind.Regular && (top.Entry.IsDatabase || HasDatabaseFilesBeside(place.Path)),
    };

    /// <summary>A link that is there already, and one that the system makes itself.</summary>
    private bool LeavesLink(WantedTop top, LivePlace place)
    {
        BytePath target = top.Entry.LinkTarget;
        if (place.LinkTarget == target) return true;
        if (!SystemOwned.MakesLinkTo(target)) return false;
        _findings.Note($"{place.Path} was a link to {target} in the snapshot, and is not now: the system's configuration makes it, and it is left as it is.");
        return true;
    }

    /// <summary>A stored file that could not be read as a database: what is beside the live one would be applied to it all the same, unless the archive has that, too.</summary>
    private bool HasDatabaseFilesBeside(BytePath live) =>
        Beside(live, "-wal"u8) || Beside(live, "-journal"u8);

    private bool Beside(BytePath live, ReadOnlySpan<byte> suffix)
    {
        BytePath beside = new([.. live.Bytes, .. suffix]);
        return PosixDirectory.Current.TryGetStatus(beside, out _) && !_survey.Tops.Any(top => beside.WithoutLeadingSlash() == top.Member);
    }

    /// <summary>Two members that a link brings together here.</summary>
    private void RefuseTwice()
    {
        PlacedItem? outer = null;
        foreach (PlacedItem item in _items.Values.OrderBy(static item => item.Live))
        {
            if (outer is not null && item.Live.IsAtOrBelow(outer.Live))
                _findings.Add(new PlacementProblem($"/{outer.Member} and /{item.Member} of the snapshot both belong at {outer.Live} here: a symbolic link brings them together that the snapshot did not have.",
                    "Restore one of them with --include; or restore into a directory with --target, and move things by hand."));
            else outer = item;
        }
    }

    private async Task<LivePlacement> CompleteAsync(Repository repository, ChunkIndex index, CancellationToken cancellationToken)
    {
        List<PlacedItem> items = [.. _items.OrderBy(static item => item.Key).Select(static item => item.Value)];
        CarriedPaths carried = CarriedPaths.Find(items, _request.Service, TreeSource());
        var essentials = new EssentialPlaces(_request.Service, _request.Include.Count > 0 ? null : _request.LiveLayout, _replaced, item => !_items.ContainsValue(item));
        var links = new FarLinks(_survey, _selection, number => _items.GetValueOrDefault(number));
        if (!(carried.IsEmpty && essentials.IsEmpty && links.IsEmpty && _managed.IsEmpty))
        {
            using var reader = new ArchiveReader(repository, index, _request.Service.Archive);
            await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
            {
                links.Meet(entry);
                if (ArchiveSurvey.IsDump(entry.Path) || !_selection.IsWanted(entry.Path, entry.Kind)) continue;
                carried.Meet(entry);
                essentials.Meet(entry.Path);
                _managed.Meet(entry);
            }
        }
        foreach (PlacementProblem problem in _managed.FindProblems(_findings.Note).Concat(essentials.FindProblems(_survey.Databases, _findings.Note)).Concat(links.Problems)) _findings.Add(problem);
        items = [.. _items.OrderBy(static item => item.Key).Select(item => item.Value with { NeededBytes = _survey.Tops[item.Key].NeededBytes + links.BytesOf(item.Key) })];
        CheckSpace(items);
        OwnerCheck owners = CheckOwners();
        foreach (string? note in carried.Notes().Append(links.Note).Append(MissingNote())) _findings.Note(note);
        return new LivePlacement
        {
            Items = carried.Complete(items),
            MissingParents = [.. _missing.OrderBy(static missing => missing.Key).Select(static missing => new MissingParent(missing.Key, missing.Value))],
            Problems = _findings.Problems,
            Notes = _findings.Notes,
            UserMap = owners.UserMap,
            GroupMap = owners.GroupMap,
            WantedEntries = _survey.Entries,
        };
    }

    private ServiceTreeSource? TreeSource()
    {
        if (_request is { Settings: { } settings, LiveLayout: { } layout }) return new ServiceTreeSource(settings, layout, _request.Configuration.Repository.Path);
        if (_request.Settings is { Exclude.Count: > 0 })
            _findings.Note($"The service {_request.Service.Name} cannot be described as it is now: only what the snapshot says was excluded goes over from what is there, not what `exclude` names since.");
        return null;
    }

    private OwnerCheck CheckOwners()
    {
        var owners = new OwnerCheck(_request.Owners, number => _items.GetValueOrDefault(number)?.Live, SystemUser.Current);
        owners.Run(_survey.Owners);
        foreach (PlacementProblem problem in owners.Problems) _findings.Add(problem);
        foreach (string note in owners.Notes) _findings.Note(note);
        return owners;
    }

    private void CheckSpace(List<PlacedItem> items)
    {
        var space = new SpaceCheck();
        items.ForEach(space.Add);
        foreach (PlacementProblem problem in space.FindProblems()) _findings.Add(problem);
    }

    // systemd keeps the state of services with DynamicUser= there, and closes it to others itself.
    private static uint ModeOf(BytePath directory) =>
        directory.Bytes.SequenceEqual("/var/lib/private"u8) || (directory.IsAtOrBelow(BytePath.From("/var/lib")) && directory.Name.Bytes.SequenceEqual("private"u8)) ? 0x1c0u /* 0700 */ : 0x1edu /* 0755 */;

    private string? MissingNote() => _missing.Count == 0 ? null
        : $"{string.Join(", ", _missing.OrderBy(static missing => missing.Key).Select(static missing => $"{missing.Key} (mode {Convert.ToString(missing.Value, 8).PadLeft(4, '0')})"))} {(_missing.Count == 1 ? "is" : "are")} not there and will be made.";

    private static PlacementProblem TooMany(ArchiveSurvey survey)
    {
        BytePath parent = survey.Tops[^1].Member.Parent;
        return new PlacementProblem($"The patterns match more than {ArchiveSurvey.MaxTops:N0} things one by one, among them /{survey.Tops[^1].Member}.",
            $"Name the directory that holds them, which is then replaced as a whole{(parent.IsEmpty ? "" : $": --include '{LiteralPattern.Of(parent)}'")}; or restore into a directory with --target.");
    }
}
