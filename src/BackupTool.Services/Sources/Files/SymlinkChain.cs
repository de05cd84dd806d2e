using BackupTool.Posix;

namespace BackupTool.Services.Sources.Files;

/// <summary>What a configured root really is: the symbolic links on the way to it, and where they lead.</summary>
/// <param name="Links">Every link that was followed, in the order of following, each once.</param>
/// <param name="Target">The real path: absolute, without links, <c>.</c> or <c>..</c>.</param>
public sealed record ResolvedRoot(IReadOnlyList<WalkedEntry> Links, BytePath Target);

/// <summary>
/// Follows the links of a configured root. systemd's DynamicUser makes <c>/var/lib/NAME</c> a link to <c>private/NAME</c>: an archive must
/// hold both, the link and what it points to.
/// </summary>
public static class SymlinkChain
{
    /// <summary>As many as the kernel follows (path_resolution(7)).</summary>
    private const int MaxLinks = 40;

    /// <summary>Resolves an absolute path, links in the middle of it included.</summary>
    /// <exception cref="SourceException">Something on the way is missing or unreadable, or the links go round in a circle.</exception>
    public static ResolvedRoot Resolve(BytePath root)
    {
        if (!root.IsAbsolute) throw new ArgumentException("The root must be an absolute path.", nameof(root));
        var links = new List<WalkedEntry>();
        var ahead = new Stack<BytePath>();
        PushComponents(ahead, root);
        var reached = new BytePath("/"u8);
        int followed = 0;
        while (ahead.TryPop(out BytePath component))
        {
            if (component.Bytes.SequenceEqual(".."u8)) reached = reached.Parent;
            else if (!component.Bytes.SequenceEqual("."u8))
            {
                WalkedEntry entry = Look(reached.Combine(component), root);
                if (entry.Status.Kind != FileKind.SymbolicLink) reached = entry.Path;
                else
                {
                    if (++followed > MaxLinks)
                        throw new SourceException($"the source {root} is a circle of symbolic links ({entry.Path} is one of them)", "Mend the links, or name the directory itself.");
                    if (!links.Exists(l => l.Path == entry.Path)) links.Add(entry);
                    if (entry.LinkTarget.IsAbsolute) reached = new BytePath("/"u8);
                    PushComponents(ahead, entry.LinkTarget);
                }
            }
        }
        return new ResolvedRoot(links, reached);
    }

    private static void PushComponents(Stack<BytePath> ahead, BytePath path)
    {
        ReadOnlySpan<byte> rest = path.Bytes;
        while (!rest.IsEmpty)
        {
            int slash = rest.LastIndexOf((byte)'/');
            if (slash + 1 < rest.Length) ahead.Push(new BytePath(rest[(slash + 1)..]));
            rest = slash < 0 ? default : rest[..slash];
        }
    }

    private static WalkedEntry Look(BytePath path, BytePath root)
    {
        try
        {
            if (!PosixDirectory.Current.TryGetStatus(path, out FileStatus status))
                throw new SourceException(path == root ? $"the source {root} does not exist" : $"the source {root} does not exist: there is no {path}",
                    "Correct the path in the configuration, or start the service once so that it makes its directory.");
            return new WalkedEntry(path, status, status.Kind == FileKind.SymbolicLink ? PosixDirectory.Current.ReadLink(path) : default);
        }
        catch (PosixException e)
        {
            throw TreeWalk.UnreadableRoot(root, e);
        }
    }
}
