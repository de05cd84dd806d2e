namespace BackupTool.Cli.Demo;

/// <summary>
/// A small but realistic stack on disk, about 80 MB: a maubot whose database lives in its write-ahead log, and a site with media, logs and
/// everything a directory can hold. Nothing in it is secret or listens anywhere.
/// </summary>
/// <param name="Directory">The directory that holds it all.</param>
public sealed record DemoStack(string Directory)
{
    /// <summary>maubot's data directory: for <c>data</c> of a service of kind <c>maubot</c>.</summary>
    public string Maubot => Path.Combine(Directory, "maubot");

    /// <summary>The database that <see cref="DemoWriter"/> writes.</summary>
    public string BotDatabase => Path.Combine(Maubot, "bot.db");

    /// <summary>Media, logs and odd things: for <c>data</c> of a service of kind <c>files</c>.</summary>
    public string Site => Path.Combine(Directory, "site");

    /// <summary>Makes the stack in a directory that does not exist yet or is empty.</summary>
    /// <exception cref="IOException">Something could not be written.</exception>
    public static DemoStack Create(string directory)
    {
        var stack = new DemoStack(Path.GetFullPath(directory));
        MaubotTree.Create(stack.Maubot);
        SiteTree.Create(stack.Site);
        return stack;
    }

    /// <summary>
    /// Changes a little, as a day does: edits, appends, adds, deletes and renames files and writes to a plugin's database. Never touches
    /// <c>bot.db</c>, so the writer may go on meanwhile. Another <paramref name="seed"/> changes other things.
    /// </summary>
    public static void Change(string directory, int seed)
    {
        var stack = new DemoStack(Path.GetFullPath(directory));
        MaubotTree.Change(stack.Maubot, seed);
        SiteTree.Change(stack.Site, seed);
    }
}
