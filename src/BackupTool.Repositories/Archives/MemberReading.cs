using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Repositories.Archives;

/// <summary>Turns an original into a tar member and a catalog line: the one place where the two are made to agree.</summary>
internal static class MemberReading
{
    /// <summary>How often a file is read again because it changed while it was read.</summary>
    internal const int Attempts = 3;

    internal static TarMember ToMember(ArchiveEntry entry, in FileStatus status, long size, BytePath? hardLinkTo, IReadOnlyList<SparseExtent>? sparse) => new()
    {
        Path = entry.MemberPath,
        Kind = status.Kind,
        IsHardLink = hardLinkTo is not null,
        Mode = status.Mode,
        Uid = status.Uid,
        Gid = status.Gid,
        UserName = PosixIdentity.UserName(status.Uid),
        GroupName = PosixIdentity.GroupName(status.Gid),
        ModifiedAt = status.ModifiedAt,
        Size = size,
        Sparse = sparse,
        LinkTarget = hardLinkTo ?? entry.LinkTarget,
        DeviceMajor = status.DeviceMajor,
        DeviceMinor = status.DeviceMinor,
        ExtendedAttributes = hardLinkTo is null && entry.Streamed is null ? ReadAttributes(entry) : [],
    };

    /// <summary>Those of the original; when it has gone since it was staged (engines compact all the time), those of the staged file, which a link shares.</summary>
    private static IReadOnlyList<ExtendedAttribute> ReadAttributes(ArchiveEntry entry)
    {
        try
        {
            return PosixDirectory.Current.ReadExtendedAttributes(entry.Path);
        }
        catch (PosixException e) when (e.IsNotFound && entry.IsStaged)
        {
            return entry.StagedPath.IsEmpty ? [] : PosixDirectory.Current.ReadExtendedAttributes(entry.StagedPath);
        }
    }

    internal static CatalogEntry ToCatalog(
        ArchiveEntry entry, TarMember member, in FileStatus status, Placement placement, int headerBytes, UnixTime readAt, string contentKey) => new()
        {
            Path = member.Path,
            Kind = member.Kind,
            IsHardLink = member.IsHardLink,
            IsDatabase = entry.IsDatabase,
            Placement = placement,
            Mode = member.Mode,
            Uid = member.Uid,
            Gid = member.Gid,
            UserName = member.UserName,
            GroupName = member.GroupName,
            Size = member.Size,
            StoredSize = member.StoredSize,
            HeaderBytes = headerBytes,
            ModifiedAt = status.ModifiedAt,
            ChangedAt = IsSurelyBefore(status.ChangedAt, readAt) ? status.ChangedAt : null,
            Device = status.Device,
            Inode = status.Inode,
            ContentKey = contentKey,
            LinkTarget = member.LinkTarget,
            DeviceMajor = member.DeviceMajor,
            DeviceMinor = member.DeviceMinor,
            ChangeKey = entry.ChangeKey,
        };

    /// <summary>
    /// Whether any change after <paramref name="readAt"/> (on the file clock) would give another ctime. Where times have whole seconds only, two of them
    /// must have passed (FAT, old NFS).
    /// </summary>
    private static bool IsSurelyBefore(UnixTime changedAt, UnixTime readAt) =>
        changedAt.Nanoseconds == 0 ? changedAt.Seconds < readAt.Seconds - 2 : changedAt < readAt;

    /// <summary>
    /// Why this one original cannot be read, when that is its own fault; null when the failure is the machine's (no descriptors, no memory), which ends the run. So does the failure to read
    /// what we staged ourselves: a database that lacks one of its files is none.
    /// </summary>
    internal static string? Explain(ArchiveEntry entry, Exception failure) => failure switch
    {
        UnstorableMemberException => $"is left out: {failure.Message}",
        PosixException posix when !entry.IsStaged => Explain(posix),
        _ => null,
    };

    private static string? Explain(PosixException failure) => failure.Errno switch
    {
        Errno.ENOENT or Errno.ENOTDIR or Errno.ESTALE => "vanished while the backup ran",
        Errno.EACCES or Errno.EPERM => "cannot be read: permission denied",
        Errno.ELOOP or Errno.ENXIO => "turned into something else while the backup ran",
        Errno.EMFILE => null,
        (Errno)12 or (Errno)23 => null,   // ENOMEM, ENFILE
        _ => failure.Message,
    };
}
