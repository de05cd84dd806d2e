using System.Buffers;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Import;

/// <summary>What an import brought in.</summary>
/// <param name="Members">Members written.</param>
/// <param name="Bytes">Bytes of content written.</param>
public sealed record ForeignExtraction(long Members, long Bytes);

/// <summary>
/// An archive that another program made: <c>.tar</c>, plain or compressed by gzip, xz, bzip2 or zstd, <c>.zip</c>, <c>.7z</c>. The format is told by
/// content. Whatever is damaged, cut off, encrypted or not understood is a <see cref="ForeignArchiveException"/>: members are never lost without a word.
/// </summary>
/// <remarks>
/// zip and 7z know no owners (root is put in), zip times are local and even seconds, and hard links come out as files of their own.
/// Memory stays bounded, but for what a decompressor's window takes.
/// </remarks>
public sealed class ForeignArchive : IDisposable
{
    private readonly BytePath _path;
    private readonly FileStream _file;

    private ForeignArchive(BytePath path, FileStream file, ForeignArchiveFormat format)
    {
        (_path, _file, Format) = (path, file, format);
    }

    /// <summary>What the file is.</summary>
    public ForeignArchiveFormat Format { get; }

    /// <summary>Opens an archive, following symbolic links.</summary>
    /// <exception cref="ForeignArchiveException">There is no such file, or it is no archive that we read.</exception>
    public static ForeignArchive Open(BytePath path)
    {
        try
        {
            SafeFileHandle handle = PosixFile.OpenFollowing(path);
            FileKind kind = PosixFile.GetStatus(handle, path).Kind;
            if (kind != FileKind.Regular)
            {
                handle.Dispose();
                throw new ForeignArchiveException(path, "it is not a file", "Name an archive: .tar, .tar.gz, .tar.xz, .tar.bz2, .tar.zst, .zip or .7z.");
            }
            var file = new FileStream(handle, FileAccess.Read, bufferSize: 256 * 1024);
            Span<byte> start = stackalloc byte[TarHeader.BlockSize];
            int length = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            file.Position = 0;
            if (ForeignArchiveFormats.Detect(start[..length]) is { } format) return new ForeignArchive(path, file, format);
            file.Dispose();
            throw new ForeignArchiveException(path, length == 0 ? "it is empty" : "it is no archive that we know",
                "tar (plain, or compressed by gzip, xz, bzip2 or zstd), zip and 7z are read. For any other: extract it, and back up the directory.");
        }
        catch (PosixException e)
        {
            throw new ForeignArchiveException(path, e.Message, "Check the path and who may read it.", e);
        }
    }

    /// <summary>The members in the archive's order. To be enumerated once; what cannot be taken over goes to <paramref name="warn"/>.</summary>
    /// <exception cref="ForeignArchiveException">The archive is damaged, cut off, encrypted or not understood.</exception>
    public IEnumerable<ForeignMember> ReadMembers(Action<string> warn)
    {
        ArgumentNullException.ThrowIfNull(warn);
        _file.Position = 0;
        using IEnumerator<ForeignMember> members = Guard(() => Members(warn).GetEnumerator());
        while (Guard(members.MoveNext))
            yield return members.Current with { Content = new GuardedStream(members.Current.Content, Explain) };
    }

    /// <summary>Writes everything below an empty directory, safely (see <see cref="TreeWriter"/>). Advances by bytes of the archive's own file.</summary>
    /// <exception cref="ForeignArchiveException">The archive is damaged, cut off, encrypted or not understood, or holds nothing.</exception>
    /// <exception cref="ExplainedException">A name is unsafe or stands there twice, or the disk is full.</exception>
    public Task<ForeignExtraction> ExtractToAsync(PosixDirectory emptyDirectory, IProgressObserver progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(emptyDirectory);
        ArgumentNullException.ThrowIfNull(progress);
        return Task.Run(() => ExtractTo(emptyDirectory, progress, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private ForeignExtraction ExtractTo(PosixDirectory emptyDirectory, IProgressObserver progress, CancellationToken cancellationToken)
    {
        using var writer = new TreeWriter(emptyDirectory, new ExtractionOptions { FlushAtEnd = false }, finding => progress.Warn($"{finding.Path}: {finding.Message}"));
        byte[] buffer = ArrayPool<byte>.Shared.Rent(256 * 1024);
        long members = 0, bytes = 0, position = 0;
        try
        {
            foreach (ForeignMember foreign in ReadMembers(progress.Warn))
            {
                cancellationToken.ThrowIfCancellationRequested();
                TarMember member = foreign.Member;
                if (member.Kind == FileKind.Regular && !member.IsHardLink)
                {
                    using FileWriter file = writer.BeginFile(member);
                    for (int read; (read = foreign.Content.Read(buffer)) > 0; bytes += read)
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        file.Write(buffer.AsSpan(0, read));
                        Advance(0);
                    }
                    file.Complete();
                }
                else
                {
                    writer.Create(member);
                }
                members++;
                Advance(1);
            }
            writer.Complete();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return members > 0 ? new ForeignExtraction(members, bytes)
            : throw new ForeignArchiveException(_path, "it holds nothing", "Check that this is the archive you mean.");

        void Advance(long items)
        {
            long now = _file.Position;
            progress.Advance(Math.Max(0, now - position), items);
            position = Math.Max(position, now);
        }
    }

    private IEnumerable<ForeignMember> Members(Action<string> warn) => Format switch
    {
        ForeignArchiveFormat.Zip => ForeignZip.Read(_file, warn),
        ForeignArchiveFormat.SevenZip => ForeignSevenZip.Read(_file, warn),
        _ => MembersOfTar(warn),
    };

    private IEnumerable<ForeignMember> MembersOfTar(Action<string> warn)
    {
        using var tar = new BufferedStream(new GuardedStream(ForeignTar.Decompress(_file, Format), Explain), 64 * 1024);
        foreach (ForeignMember member in ForeignTar.Read(tar, warn)) yield return member;
    }

    private T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (Explain(e) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>What a decompressor's exception means; null for one that is not about the archive, or explained already. Damaged input makes them throw anything.</summary>
    private ForeignArchiveException? Explain(Exception exception) => exception switch
    {
        ForeignArchiveException or OperationCanceledException or OutOfMemoryException => null,
        TarFormatException e when e.Offset < TarHeader.BlockSize && Format != ForeignArchiveFormat.Tar => new ForeignArchiveException(
            _path, $"it is compressed by {Format}, but what is in it is no tar archive", "Decompress it, and back up the result.", e),
        TarFormatException e => new ForeignArchiveException(_path, e.Message.TrimEnd('.'), e.Hint, e),
        ExplainedException => null,
        SharpCompress.Common.CryptographicException e => new ForeignArchiveException(
            _path, "it is encrypted", "Extract it with the program that wrote it and its password, and back up the directory.", e),
        InvalidDataException e => new ForeignArchiveException(_path, e.Message.TrimEnd('.'), null, e),
        _ => new ForeignArchiveException(_path, $"it cannot be decompressed ({exception.Message.TrimEnd('.')})", null, exception),
    };
}
