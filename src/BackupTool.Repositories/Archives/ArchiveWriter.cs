using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Pipelines;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Archives;

/// <summary>What came of writing an archive.</summary>
/// <param name="Archive">Where its bytes are.</param>
/// <param name="ReusedEntries">Entries that were taken over without being opened.</param>
/// <param name="ReadBytes">Bytes that were read from the originals.</param>
public sealed record ArchiveResult(Archive Archive, long ReusedEntries, long ReadBytes);

/// <summary>
/// Writes one archive: entries in tree order become a tar stream, cut into chunks. Small members are bundled, large ones have chunks of their own, and what
/// stands unchanged in the parent is taken over without being opened. The stream depends on the tree alone, not on what was reused.
/// </summary>
/// <param name="session">Where it goes.</param>
/// <param name="parent">Whose unchanged members are taken over; null for a first one.</param>
/// <param name="report">Told of what is not in the archive as it should be.</param>
/// <param name="onProgress">Told of bytes that are done.</param>
/// <param name="onNewer">Told of originals that have changed since the cut saw them: what is stored is whole, but newer than the cut.</param>
public sealed class ArchiveWriter(
    WriteSession session, ParentArchive? parent, Action<ArchiveWarning> report, Action<long> onProgress, Action<BytePath>? onNewer = null)
{
    private const long MaxHeldBytes = 24 << 20;

    private readonly SegmentPlanner _planner = new(session.Repository.Format.Chunking);
    private readonly HardLinkNames _names = new();
    private readonly OrderedPipeline<ArchiveStep, ChunkWorker> _pipeline = new(() => new ChunkWorker(session), MaxHeldBytes);
    private readonly Lock _reporting = new();
    private List<PlannedEntry> _bundle = [];
    private long _readBytes;

    /// <summary>Writes the archive of these entries. Originals that cannot be read are reported and left out.</summary>
    public async Task<ArchiveResult> WriteAsync(IAsyncEnumerable<ArchiveEntry> entries, CancellationToken cancellationToken)
    {
        using var committer = new ArchiveCommitter(session);
        using var stored = new ChunkReader(session.Repository, session.Index);
        await _pipeline.RunAsync(
            produce => ProduceAsync(entries, stored, produce), (step, consume) => step.CommitAsync(committer, consume), cancellationToken);
        Archive archive = await committer.FinishAsync(cancellationToken);
        return new ArchiveResult(archive, committer.ReusedEntries, _readBytes);
    }

    private async Task ProduceAsync(IAsyncEnumerable<ArchiveEntry> entries, ChunkReader stored, CancellationToken cancellationToken)
    {
        var files = new OwnFileReader(session, _pipeline.AddAsync, Report, OnRead, ReportNewer);
        var streams = new StreamedMemberReader(session, _pipeline.AddAsync, OnRead);
        var bundles = new BundleMaker(new BundleBuilder(Report, OnRead, ReportNewer), stored, _names, session.Buffers);
        await foreach (ArchiveEntry entry in entries.WithCancellation(cancellationToken))
        {
            PlannedEntry planned = _names.Plan(entry);
            if (_planner.IsOwn(entry) && planned.HardLinkTo is null)
            {
                await CloseBundleAsync(bundles, cancellationToken);
                if (entry.Streamed is not null) await streams.ReadAsync(entry, cancellationToken);
                else if (!await TryReuseFileAsync(entry, cancellationToken) && !await files.TryReadAsync(entry, cancellationToken)) _names.Forget(entry);
                continue;
            }
            if (_planner.MustCloseBefore(entry)) await CloseBundleAsync(bundles, cancellationToken);
            _bundle.Add(planned);
            if (_planner.AddAndIsLast(entry)) await CloseBundleAsync(bundles, cancellationToken);
        }
        await CloseBundleAsync(bundles, cancellationToken);
        await AddEndAsync(cancellationToken);
    }

    private async ValueTask CloseBundleAsync(BundleMaker maker, CancellationToken cancellationToken)
    {
        if (_bundle.Count == 0) return;
        List<PlannedEntry> bundle = _bundle;
        _bundle = [];
        _planner.StartNext();
        if (IsWholeBundleOfParent(bundle) && await TakeOverAsync([.. bundle.Select(static p => p.Entry.Unchanged!)], cancellationToken)) return;
        await _pipeline.AddAsync(await maker.MakeStepAsync(await FindStoredAsync(bundle), cancellationToken), cancellationToken);
    }

    /// <summary>A bundle in which something changed is made anew; the files in it that did not change come from the parent's chunks, not from the service.</summary>
    private async ValueTask<List<PlannedEntry>> FindStoredAsync(List<PlannedEntry> bundle)
    {
        for (int i = 0; i < bundle.Count; i++)
        {
            if (bundle[i] is not { HardLinkTo: null, Entry.Unchanged: { Kind: FileKind.Regular, IsHardLink: false, Placement: not Placement.Own } old }) continue;
            bundle[i] = bundle[i] with { StoredIn = await parent!.CoverAsync(old.StreamOffset, old.StreamOffset + old.StreamBytes) };
        }
        return bundle;
    }

    private static bool IsWholeBundleOfParent(List<PlannedEntry> bundle)
    {
        CatalogEntry? last = null;
        foreach ((ArchiveEntry entry, BytePath? hardLinkTo, _) in bundle)
        {
            if (entry.Unchanged is not { } old || old.Placement != (last is null ? Placement.BundleStart : Placement.Bundled)) return false;
            if (last is not null && old.Ordinal != last.Ordinal + 1) return false;
            if (old.IsHardLink != hardLinkTo is not null || (hardLinkTo is { } target && target != old.LinkTarget)) return false;
            last = old;
        }
        return last!.EndsSegment;
    }

    private ValueTask<bool> TryReuseFileAsync(ArchiveEntry entry, CancellationToken cancellationToken) =>
        entry.Unchanged is { Placement: Placement.Own, IsHardLink: false } old ? TakeOverAsync([old], cancellationToken) : new(false);

    private async ValueTask<bool> TakeOverAsync(List<CatalogEntry> entries, CancellationToken cancellationToken)
    {
        CatalogEntry last = entries[^1];
        List<ChunkReference>? chunks = await parent!.TakeChunksAsync(entries[0].StreamOffset, last.StreamOffset + last.StreamBytes);
        if (chunks is null) return false;
        await _pipeline.AddAsync(new ReusedStep(chunks, entries), cancellationToken);
        onProgress(entries.Sum(static e => e.Size));
        return true;
    }

    private async ValueTask AddEndAsync(CancellationToken cancellationToken)
    {
        NativeBuffer end = session.Buffers.Rent(TarHeader.EndOfArchive.Length);
        TarHeader.EndOfArchive.CopyTo(end.GetSpan());
        await _pipeline.AddAsync(new ChunksStep([new ChunkSlice(end, 0, TarHeader.EndOfArchive.Length, false)]), cancellationToken);
        await _pipeline.AddAsync(new StreamEndStep(), cancellationToken);
    }

    private void OnRead(long bytes)
    {
        Interlocked.Add(ref _readBytes, bytes);
        onProgress(bytes);
    }

    private void ReportNewer(BytePath path)
    {
        if (onNewer is null) return;
        lock (_reporting) onNewer(path);
    }

    private void Report(ArchiveWarning warning)
    {
        lock (_reporting) report(warning);
    }
}
