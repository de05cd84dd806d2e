using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Operations.Restore;

/// <summary>What is to be restored, and where.</summary>
public sealed record RestoreRequest
{
    /// <summary>The directory; created when it is not there.</summary>
    public required BytePath Target { get; init; }

    /// <summary>The services; all of them when empty.</summary>
    public required IReadOnlyList<ServiceSnapshot> Services { get; init; }

    /// <summary>Only what one of these patterns matches; everything when empty.</summary>
    public IReadOnlyList<Glob> Include { get; init; } = [];

    /// <summary>Restore into a directory that is not empty, replacing what has the same name.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Say what would be restored; write nothing.</summary>
    public bool DryRun { get; init; }
}

/// <summary>What came of a restore.</summary>
/// <param name="Target">Where it is.</param>
/// <param name="Entries">Members restored.</param>
/// <param name="Bytes">Bytes of their files.</param>
/// <param name="Findings">What could not be restored as it was.</param>
public sealed record RestoreReport(BytePath Target, long Entries, long Bytes, IReadOnlyList<ExtractionFinding> Findings);

/// <summary>
/// Restores into a directory. Everything is written into a directory of its own inside the target and takes its place only when all of it is there and
/// verified; a restore that fails leaves the target as it was. Restoring over existing files (Overwrite) cannot be undone so: there, everything that is needed is
/// read and verified before the first file is touched.
/// </summary>
public sealed class RestoreRun(Repository repository, ChunkIndex index, IProgressObserver progress)
{
    private static readonly BytePath Here = BytePath.From(".");
    private readonly List<ExtractionFinding> _findings = [];

    /// <summary>Restores.</summary>
    /// <exception cref="ExplainedException">Nothing was restored, or with Overwrite: a part, which the message says.</exception>
    public async Task<RestoreReport> RunAsync(RestoreRequest request, CancellationToken cancellationToken)
    {
        List<(ServiceSnapshot Service, MemberSelection Selection)> plan = [.. request.Services.Select(s => (s, new MemberSelection(request.Include, s)))];
        foreach ((ServiceSnapshot service, MemberSelection selection) in plan) await selection.ScanAsync(repository, index, service.Archive, cancellationToken);
        long entries = plan.Sum(static p => p.Selection.Entries), bytes = plan.Sum(static p => p.Selection.Bytes);
        if (entries == 0) throw new NotInRepositoryException("Nothing in the snapshot matches.", "Run 'backup find' or 'backup show' to see the paths; a pattern without a slash matches names at any depth.");
        bool created = Prepare(request, plan.Sum(static p => p.Selection.NeededBytes));
        if (request.DryRun) return new RestoreReport(request.Target, entries, bytes, []);
        try
        {
            if (created) PosixDirectory.Current.CreateDirectory(request.Target, 0x1c0 /* 0700: the parents of what is restored may have been closed to others */);
            if (request.Overwrite) await RestoreOverAsync(request.Target, plan, bytes, cancellationToken);
            else await RestoreBesideAsync(request.Target, plan, bytes, cancellationToken);
        }
        catch when (created)
        {
            PosixDirectory.Current.RemoveTree(request.Target);
            throw;
        }
        return new RestoreReport(request.Target, entries, bytes, _findings);
    }

    /// <summary>Refuses what cannot work before anything is written; true when the target is to be created.</summary>
    private bool Prepare(RestoreRequest request, long neededBytes)
    {
        BytePath target = request.Target;
        bool exists = PosixFile.TryGetStatusFollowing(target, out FileStatus status);
        if (exists && status.Kind != FileKind.Directory) throw new OperationException($"{target} is not a directory.", "Give --target an empty or new directory.");
        if (exists && !request.Overwrite)
        {
            if (!request.DryRun)
                foreach (BytePath stale in StaleStaging.Remove(target)) progress.Message($"removed {stale}, which an interrupted restore had left");
            using PosixDirectory directory = PosixDirectory.Open(target);
            if (directory.ReadNames().Count > 0)
                throw new OperationException($"{target} is not empty.", "Choose an empty or new directory, or add --overwrite to replace files of the same names in it.");
        }
        BytePath place = exists ? target : target.Parent;
        if (!PosixFile.TryGetStatusFollowing(place, out _)) throw new OperationException($"{place} does not exist.", "Create it first, or choose another target.");
        long free = PosixFile.GetFreeBytes(place);
        if (free < neededBytes) throw new OperationException($"{target} has room for {free:N0} bytes; {neededBytes:N0} are to be restored.", "Make room, choose another target, or restore less with --service or --include.");
        return !exists;
    }

    private async Task RestoreBesideAsync(BytePath target, List<(ServiceSnapshot, MemberSelection)> plan, long bytes, CancellationToken cancellationToken)
    {
        using PosixDirectory directory = PosixDirectory.Open(target);
        BytePath partial = StagingDirectory.CreateIn(target).Name;
        try
        {
            using PosixDirectory inside = directory.OpenDirectory(partial);
            await ExtractAsync(inside, new ExtractionOptions(), plan, bytes, cancellationToken);
            foreach (BytePath name in inside.ReadNames()) inside.RenameWithoutReplacing(name, directory, name);
            TakeOverMetadataOfTarget(inside, directory);
        }
        finally
        {
            directory.RemoveTree(partial);
        }
        directory.Flush();
    }

    // An archive whose root is "/" restores the target directory itself.
    private static void TakeOverMetadataOfTarget(PosixDirectory inside, PosixDirectory directory)
    {
        FileStatus restored = inside.GetStatus();
        if (restored.Mode != 0x1c0) directory.SetMode(Here, restored.Mode);
    }

    private async Task RestoreOverAsync(BytePath target, List<(ServiceSnapshot Service, MemberSelection Selection)> plan, long bytes, CancellationToken cancellationToken)
    {
        progress.Begin("verify", bytes, null);
        byte[] buffer = new byte[1 << 20];
        foreach ((ServiceSnapshot service, MemberSelection selection) in plan)
        {
            await using ArchiveStream stream = Open(service.Archive, selection, cancellationToken);
            for (int read; (read = stream.Read(buffer)) > 0;) progress.Advance(read, 0);
        }
        using PosixDirectory directory = PosixDirectory.Open(target);
        await ExtractAsync(directory, new ExtractionOptions { Overwrite = true }, plan, bytes, cancellationToken);
    }

    private Task ExtractAsync(
        PosixDirectory directory, ExtractionOptions options, List<(ServiceSnapshot Service, MemberSelection Selection)> plan, long bytes, CancellationToken cancellationToken)
    {
        progress.Begin("restore", bytes, null);
        return Task.Run(() =>
        {
            using var writer = new TreeWriter(directory, options, OnFinding);
            foreach ((ServiceSnapshot service, MemberSelection selection) in plan)
            {
                using ArchiveStream stream = Open(service.Archive, selection, cancellationToken);
                TarExtraction.Extract(new TarParser(stream), writer, selection.Place, written => progress.Advance(written, 0), cancellationToken);
            }
            writer.Complete();
        }, cancellationToken);
    }

    private ArchiveStream Open(Archive archive, MemberSelection selection, CancellationToken cancellationToken) =>
        selection.Ranges(repository, index, archive, cancellationToken) is { } ranges
            ? ArchiveStream.Open(repository, index, archive, ranges, cancellationToken)
            : ArchiveStream.Open(repository, index, archive, cancellationToken);

    private void OnFinding(ExtractionFinding finding)
    {
        _findings.Add(finding);
        progress.Warn($"{finding.Path}: {finding.Message}");
    }
}
