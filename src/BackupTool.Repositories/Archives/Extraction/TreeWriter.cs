using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>
/// Restores a tar archive's members below a directory, exactly, and never outside it: whatever the archive says and whatever links stand in the
/// target, no symbolic link is followed and no name climbs. Members may come in any order; in tree order they come cheapest.
/// </summary>
/// <remarks>
/// Each file is whole once its <see cref="FileWriter.Complete"/> returns; modes, owners, ACLs and mtimes of directories are set in
/// <see cref="Complete"/>, until when new ones are open to their owner only. Errors of the system are <see cref="PosixException"/>s. Not thread-safe:
/// one member at a time.
/// </remarks>
public sealed class TreeWriter : IDisposable
{
    private const uint PrivateDirectory = 0x1c0;   // 0700
    private static readonly BytePath Self = BytePath.From(".");

    private readonly PosixDirectory _target;
    private readonly ExtractionOptions _options;
    private readonly Action<ExtractionFinding> _report;
    private readonly OpenDirectories _directories;
    private readonly MetadataWriter _metadata;
    private readonly WrittenNames _written = new();
    private readonly Dictionary<BytePath, DeferredDirectory> _deferred = [];
    private FileWriter? _current;

    /// <param name="target">Where to restore to. It stays the caller's.</param>
    /// <param name="options">How.</param>
    /// <param name="report">Told of everything that could not be restored but does not end the run.</param>
    public TreeWriter(PosixDirectory target, ExtractionOptions options, Action<ExtractionFinding> report)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(report);
        (_target, _options, _report) = (target, options, report);
        _directories = new OpenDirectories(target);
        _metadata = new MetadataWriter(options, report);
    }

    /// <summary>Creates a regular file, and takes its data. End it, or dispose it, before the next member.</summary>
    /// <exception cref="UnsafeArchiveException">It would be written outside the target, or through a symbolic link.</exception>
    /// <exception cref="ExtractionException">Something else has its name.</exception>
    /// <exception cref="DiskFullException">The disk is full.</exception>
    public FileWriter BeginFile(TarMember member)
    {
        ArgumentNullException.ThrowIfNull(member);
        if (member.Kind != FileKind.Regular || member.IsHardLink) throw new ArgumentException($"{member.Path} is no file with data.", nameof(member));
        _current?.Dispose();
        try
        {
            (PosixDirectory directory, MemberPath path) = Enter(member);
            bool inheritsAcl = _directories.HandsDownAcl;
            MakeRoom(directory, path, member);
            return _current = new FileWriter(
                directory, path.Name, member,
                finish: file =>
                {
                    _metadata.Apply(directory, path.Name, file, member, inheritsAcl);
                    _written.Add(path);
                },
                diskFull: (failure, missing) => DiskFull(failure, member, missing));
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            throw DiskFull(e, member, member.StoredSize);
        }
    }

    /// <summary>Creates what has no data: a directory, a link, a FIFO, a device node.</summary>
    /// <exception cref="UnsafeArchiveException">It would be written outside the target, or through a symbolic link.</exception>
    /// <exception cref="ExtractionException">Something else has its name, or a hard link's file is not there.</exception>
    /// <exception cref="DiskFullException">The disk is full.</exception>
    public void Create(TarMember member)
    {
        ArgumentNullException.ThrowIfNull(member);
        _current?.Dispose();
        try
        {
            if (member.IsHardLink) CreateHardLink(member);
            else if (member.Kind == FileKind.Directory) CreateDirectory(member);
            else CreateOther(member);
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            throw DiskFull(e, member, 0);
        }
    }

    /// <summary>Gives the directories their owners, modes, ACLs and mtimes, those within others first; flushes when that is asked for.</summary>
    /// <exception cref="DiskFullException">The disk is full.</exception>
    public void Complete()
    {
        _current?.Dispose();
        foreach ((_, DeferredDirectory deferred) in _deferred.OrderByDescending(static pair => pair.Key))
        {
            try
            {
                PosixDirectory directory = _directories.Enter(deferred.Path.All, deferred.Member.Path);
                _metadata.Apply(directory, Self, null, deferred.Member, deferred.InheritsAcl);
            }
            catch (PosixException e) when (e.IsOutOfSpace)
            {
                throw DiskFull(e, deferred.Member, 0);
            }
        }
        _deferred.Clear();
        _directories.Dispose();
        if (_options.FlushAtEnd) _target.FlushFileSystem();
    }

    /// <summary>Closes what is open, and removes a file that was not ended.</summary>
    public void Dispose()
    {
        _current?.Dispose();
        _directories.Dispose();
    }

    private void CreateDirectory(TarMember member)
    {
        MemberPath path = MemberPath.Parse(member.Path, member.Path, "its name");
        bool inheritsAcl = false;
        if (!path.IsTarget)
        {
            PosixDirectory directory = _directories.Enter(path.Directories, member.Path);
            bool isThere = directory.TryGetStatus(path.Name, out FileStatus status);
            if (!isThere || status.Kind != FileKind.Directory)
            {
                inheritsAcl = _directories.HandsDownAcl;
                if (isThere) MakeRoom(directory, path, member);
                directory.CreateDirectory(path.Name, PrivateDirectory);
            }
        }
        // The last one wins, as with tar, when a directory stands in the archive twice.
        BytePath key = path.Joined;
        inheritsAcl |= _deferred.TryGetValue(key, out DeferredDirectory earlier) && earlier.InheritsAcl;
        _deferred[key] = new DeferredDirectory(path, member, inheritsAcl);
    }

    private void CreateHardLink(TarMember member)
    {
        MemberPath source = MemberPath.Parse(member.LinkTarget, member.Path, "the name that it links to,");
        if (source.IsTarget || !_written.Contains(source))
        {
            // One name less is no reason to have none of the others.
            _report(new ExtractionFinding(member.Path, $"It is a hard link to {member.LinkTarget}, which is not there: the content is stored under that name only."));
            return;
        }
        (PosixDirectory directory, MemberPath path) = Enter(member);
        MakeRoom(directory, path, member);
        using var sources = new OpenDirectories(_target);
        sources.Enter(source.Directories, member.Path).CreateHardLink(source.Name, directory, path.Name);
        _written.Add(path);
    }

    private void CreateOther(TarMember member)
    {
        (PosixDirectory directory, MemberPath path) = Enter(member);
        bool inheritsAcl = _directories.HandsDownAcl;
        MakeRoom(directory, path, member);
        try
        {
            if (member.Kind == FileKind.SymbolicLink) directory.CreateSymbolicLink(path.Name, member.LinkTarget);
            else directory.CreateNode(path.Name, member.Kind, member.DeviceMajor, member.DeviceMinor);
        }
        catch (PosixException e) when (e.Errno == Errno.EPERM && member.Kind is FileKind.CharacterDevice or FileKind.BlockDevice)
        {
            _report(new ExtractionFinding(member.Path, $"The device node {member.DeviceMajor}:{member.DeviceMinor} is left out: {e.Message}."));
            return;
        }
        _metadata.Apply(directory, path.Name, null, member, inheritsAcl);
        _written.Add(path);
    }

    /// <summary>Opens the directory that the member belongs in.</summary>
    private (PosixDirectory Directory, MemberPath Path) Enter(TarMember member)
    {
        MemberPath path = MemberPath.Parse(member.Path, member.Path, "its name");
        if (path.IsTarget) throw new UnsafeArchiveException(member.Path, "it would take the place of the target itself");
        return (_directories.Enter(path.Directories, member.Path), path);
    }

    /// <summary>Removes what has the member's name, or says why not.</summary>
    private void MakeRoom(PosixDirectory directory, MemberPath path, TarMember member)
    {
        if (!directory.TryGetStatus(path.Name, out FileStatus status)) return;
        if (!_options.Overwrite)
        {
            throw _written.Contains(path)
                ? new ExtractionException(member.Path, "it stands in the archive more than once", "Extract it with `tar -x` (the last one wins), and use the directory.")
                : new ExtractionException(member.Path, $"{directory.Full(path.Name)} exists already", "Restore into an empty directory, or use --overwrite.");
        }
        if (status.Kind != FileKind.Directory)
        {
            directory.RemoveFile(path.Name);
            return;
        }
        try
        {
            directory.RemoveDirectory(path.Name);
        }
        catch (PosixException e) when (e.Errno is Errno.ENOTEMPTY or Errno.EEXIST)
        {
            throw new ExtractionException(member.Path, $"{directory.Full(path.Name)} is a directory with contents, and this is none",
                "Move it away, or restore into an empty directory.");
        }
        _deferred.Remove(path.Joined);
    }

    private DiskFullException DiskFull(PosixException failure, TarMember member, long missingBytes) =>
        new(member.Path, _target.Path, PosixFile.GetFreeBytes(_target.Path), missingBytes, failure);

    private readonly record struct DeferredDirectory(MemberPath Path, TarMember Member, bool InheritsAcl);
}
