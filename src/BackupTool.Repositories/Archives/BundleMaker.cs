using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// Makes steps of bundles. A worker reads them, side by side with others; but one with a name that others will link to is read here and now, for only when it is
/// stored can they.
/// </summary>
internal sealed class BundleMaker(BundleBuilder builder, ChunkReader stored, HardLinkNames names, BufferPool buffers)
{
    internal async ValueTask<BundleStep> MakeStepAsync(IReadOnlyList<PlannedEntry> bundle, CancellationToken cancellationToken)
    {
        long bytes = bundle.Sum(static p => 3L * TarHeader.BlockSize + (p.HardLinkTo is null && p.Entry.Status.Kind == FileKind.Regular ? p.Entry.Status.Size : 0));
        if (!bundle.Any(static p => p.HardLinkTo is null && HardLinkNames.HasSeveral(p.Entry)))
            return new BundleStep(bytes, (worker, cancelled) => BuildAsync(bundle, bytes, worker.Stored, null, cancelled));
        BuiltBundle built = await BuildAsync(bundle, bytes, stored, names, cancellationToken);
        return new BundleStep(bytes, (_, _) => new(built));
    }

    private async ValueTask<BuiltBundle> BuildAsync(
        IReadOnlyList<PlannedEntry> bundle, long bytes, ChunkReader chunks, HardLinkNames? hardLinks, CancellationToken cancellationToken)
    {
        var content = new NativeBufferWriter(buffers, (int)Math.Clamp(bytes, 4096, 1 << 20));
        return new BuiltBundle(content, await builder.BuildAsync(bundle, chunks, content, hardLinks, cancellationToken));
    }
}

/// <summary>A bundle's bytes and catalog lines.</summary>
internal sealed record BuiltBundle(NativeBufferWriter Content, List<CatalogEntry> Catalog);
