using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>There is no place for something in the live file system.</summary>
internal sealed class NoPlaceException(string message, string hint) : OperationException(message, hint);

/// <summary>Where a path leads in the live file system, as far as it exists.</summary>
internal sealed record LivePlace
{
    private const int MaxLinks = 40;   // as many as the kernel follows

    /// <summary>Absolute; no directory on the way is a link.</summary>
    internal required BytePath Path { get; init; }

    /// <summary>What is there; null for nothing.</summary>
    internal required FileStatus? Status { get; init; }

    /// <summary>The nearest directory above that exists.</summary>
    internal required BytePath Above { get; init; }

    /// <summary>The directories between <see cref="Above"/> and the path that do not exist, those further out first.</summary>
    internal required IReadOnlyList<BytePath> Missing { get; init; }

    /// <summary>Where it is a link that points, as written in it; empty otherwise.</summary>
    internal BytePath LinkTarget => Status is { Kind: FileKind.SymbolicLink } ? PosixDirectory.Current.ReadLink(Path) : default;

    /// <summary>Finds it.</summary>
    /// <param name="path">Absolute.</param>
    /// <param name="followLast">Whether a link at the end is followed, too.</param>
    /// <exception cref="NoPlaceException">A link leads nowhere or in a circle, or something on the way is no directory or cannot be looked at.</exception>
    internal static LivePlace Find(BytePath path, bool followLast)
    {
        try
        {
            return Follow(path, followLast);
        }
        catch (PosixException e)
        {
            throw new NoPlaceException($"The place of {path} cannot be looked at: {e.Message}.", "Run as root, and see that the file system is mounted and healthy.");
        }
    }

    private static LivePlace Follow(BytePath path, bool followLast)
    {
        var ahead = new Stack<BytePath>();
        Push(ahead, path);
        var missing = new List<BytePath>();
        BytePath root = new("/"u8), reached = root, above = root, link = default;
        FileStatus? status = PosixDirectory.Current.GetStatus(root);
        int followed = 0, behindLink = int.MaxValue;   // components that are ahead of the place when the outermost link has been followed to its end
        while (ahead.TryPop(out BytePath name))
        {
            if (ahead.Count < behindLink) behindLink = int.MaxValue;
            bool isLast = ahead.Count == 0;
            BytePath next = name.Bytes.SequenceEqual(".."u8) ? reached.Parent : reached.Combine(name);
            status = missing.Count == 0 && PosixDirectory.Current.TryGetStatus(next, out FileStatus found) ? found : null;
            if (status is null && behindLink != int.MaxValue)
                throw new NoPlaceException($"{link} is a symbolic link on the way to {path} that leads nowhere: there is no {next}.", $"Mount or make what it points to; or remove the link, if {path} is to be there itself.");
            if (status is { Kind: FileKind.SymbolicLink } && (!isLast || followLast))
            {
                if (++followed > MaxLinks) throw new NoPlaceException($"{path} leads into a circle of symbolic links ({next} is one of them).", "Mend the links.");
                if (behindLink == int.MaxValue) (behindLink, link) = (ahead.Count, next);
                BytePath target = PosixDirectory.Current.ReadLink(next);
                if (target.IsAbsolute) reached = root;
                Push(ahead, target);
                continue;
            }
            if (!isLast && status is not null and not { Kind: FileKind.Directory })
                throw new NoPlaceException($"{next}, above {path}, is not a directory.", "Move it away, or restore into a directory with --target.");
            if (!isLast && status is null) missing.Add(next);
            if (!isLast && status is not null) above = next;
            reached = next;
        }
        return new LivePlace { Path = reached, Status = status, Above = missing.Count == 0 ? reached.Parent : above, Missing = missing };
    }

    private static void Push(Stack<BytePath> ahead, BytePath path)
    {
        ReadOnlySpan<byte> rest = path.Bytes;
        while (!rest.IsEmpty)
        {
            int slash = rest.LastIndexOf((byte)'/');
            ReadOnlySpan<byte> name = rest[(slash + 1)..];
            if (!name.IsEmpty && !name.SequenceEqual("."u8)) ahead.Push(new BytePath(name));
            rest = slash < 0 ? default : rest[..slash];
        }
    }
}
