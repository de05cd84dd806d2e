using System.Net.Sockets;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Files;

namespace BackupTool.Tests.Services.Sources.Files;

public sealed class FileTreeTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();
    private readonly List<SourceFinding> _findings = [];

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Yields_the_root_and_everything_below_it_in_tree_order()
    {
        foreach (string directory in (string[])["a", "a/z", "a-b", "b"]) Directory.CreateDirectory(_temp.File(directory));
        foreach (string file in (string[])["a/f", "a/z/g", "a.txt", "a-b/h", "b/i"]) File.WriteAllText(_temp.File(file), "x");
        using (PosixDirectory root = PosixDirectory.Open(_temp.Path)) root.CreateFile(new BytePath([0xff, 0xfe])).Dispose();

        List<WalkedEntry> entries = [.. Walk()];

        entries.Select(e => e.Path.ToString()[_temp.Text.Length..]).Should()
            .Equal("", "/a", "/a/f", "/a/z", "/a/z/g", "/a-b", "/a-b/h", "/a.txt", "/b", "/b/i", @"/\xff\xfe");
        entries.Select(e => e.Path).Should().BeInAscendingOrder();
        _findings.Should().BeEmpty();
    }

    [Fact]
    public void Yields_links_fifos_and_empty_directories_as_what_they_are_and_follows_no_link()
    {
        Directory.CreateDirectory(_temp.File("empty"));
        File.CreateSymbolicLink(_temp.File("link"), "../somewhere/else");
        Directory.CreateSymbolicLink(_temp.File("loop"), ".");
        using (PosixDirectory root = PosixDirectory.Open(_temp.Path)) root.CreateNode(BytePath.From("pipe"), FileKind.Fifo);

        List<WalkedEntry> entries = [.. Walk().Skip(1)];

        entries.Select(e => (e.Path.Name.ToString(), e.Status.Kind, e.LinkTarget.ToString())).Should().Equal(
            ("empty", FileKind.Directory, ""), ("link", FileKind.SymbolicLink, "../somewhere/else"), ("loop", FileKind.SymbolicLink, "."),
            ("pipe", FileKind.Fifo, ""));
    }

    [Fact]
    public void Reports_a_socket_for_information_and_does_not_yield_it()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_temp.File("s")));

        Walk().Skip(1).Should().BeEmpty();

        _findings.Should().ContainSingle().Which.Should().Match<SourceFinding>(f => f.Kind == FindingKind.Skipped && !f.IsWarning);
    }

    [Fact]
    public void Neither_yields_nor_enters_what_is_excluded()
    {
        Directory.CreateDirectory(_temp.File("cache/deep"));
        File.WriteAllText(_temp.File("keep"), "x");

        FileTree.Walk(_temp.Path, (path, _) => path.Name == BytePath.From("cache"), _findings.Add)
            .Select(e => e.Path.Name.ToString()).Skip(1).Should().Equal("keep");
    }

    [Fact]
    public void Names_what_vanished_between_listing_and_looking_and_goes_on()
    {
        foreach (string name in (string[])["a", "b", "c"]) File.WriteAllText(_temp.File(name), "x");
        var seen = new List<string>();

        foreach (WalkedEntry entry in Walk())
        {
            seen.Add(entry.Path.Name.ToString());
            if (seen[^1] == "a") File.Delete(_temp.File("b"));
        }

        seen.Skip(1).Should().Equal("a", "c");
        _findings.Should().ContainSingle().Which.Should().Match<SourceFinding>(f => f.Kind == FindingKind.Vanished && f.IsWarning);
    }

    [Fact]
    public void Does_not_follow_a_link_that_took_a_directorys_place_while_it_was_walked()
    {
        Directory.CreateDirectory(_temp.File("a"));
        File.WriteAllText(_temp.File("b"), "x");
        var seen = new List<string>();

        foreach (WalkedEntry entry in Walk())
        {
            seen.Add(entry.Path.Name.ToString());
            if (seen[^1] != "a") continue;
            Directory.Delete(_temp.File("a"));
            File.CreateSymbolicLink(_temp.File("a"), "/etc");
        }

        seen.Skip(1).Should().Equal("a", "b");
        _findings.Should().ContainSingle().Which.Path.Should().Be(BytePath.From(_temp.File("a")));
    }

    [Fact]
    public void Says_unreadable_when_permission_is_missing()
    {
        Directory.CreateDirectory(_temp.File("closed"));
        SetMode(_temp.File("closed"), 0);
        SetMode(_temp.Text, 0b101_101_101);

        List<WalkedEntry> entries = AsNobody.Run(() => Walk().ToList());

        entries.Select(e => e.Path.Name.ToString()).Skip(1).Should().Equal("closed");
        _findings.Should().ContainSingle().Which.Should().Match<SourceFinding>(f => f.Kind == FindingKind.Unreadable && f.IsWarning);
    }

    [Fact]
    public void Never_opens_a_file()
    {
        File.WriteAllText(_temp.File("secret"), "x");
        SetMode(_temp.File("secret"), 0);
        SetMode(_temp.Text, 0b101_101_101);

        AsNobody.Run(() => Walk().ToList()).Should().HaveCount(2);

        _findings.Should().BeEmpty("opening it would have failed");
    }

    [Fact]
    public void Explains_a_root_that_may_not_be_read()
    {
        SetMode(_temp.Text, 0);
        Action walk = () => AsNobody.Run(() => Walk().ToList());
        walk.Should().Throw<SourceException>().Which.Hint.Should().Contain("root");
    }

    [Fact]
    public void A_single_file_is_its_own_tree()
    {
        File.WriteAllText(_temp.File("one"), "x");
        FileTree.Walk(BytePath.From(_temp.File("one")), (_, _) => false, _findings.Add)
            .Should().ContainSingle().Which.Status.Size.Should().Be(1);
    }

    [Theory]
    [InlineData("missing", "*does not exist*")]
    [InlineData("link", "*is a symbolic link*")]
    [InlineData("pipe", "*is a Fifo*")]
    public void Explains_a_root_that_it_cannot_walk(string name, string message)
    {
        File.CreateSymbolicLink(_temp.File("link"), ".");
        using (PosixDirectory root = PosixDirectory.Open(_temp.Path)) root.CreateNode(BytePath.From("pipe"), FileKind.Fifo);

        Action walk = () => FileTree.Walk(BytePath.From(_temp.File(name)), (_, _) => false, _findings.Add);

        walk.Should().Throw<SourceException>().WithMessage(message).Which.Hint.Should().NotBeEmpty();
    }

    [Fact]
    public void Walks_ten_thousand_levels_with_few_open_directories()
    {
        const int depth = 10_000;
        PosixDirectory level = PosixDirectory.Open(_temp.Path);
        for (int i = 0; i < depth; i++)
        {
            level.CreateDirectory(BytePath.From("d"));
            level.CreateFile(BytePath.From("z")).Dispose();
            PosixDirectory next = level.OpenDirectory(BytePath.From("d"));
            level.Dispose();
            level = next;
        }
        level.Dispose();
        int mostOpen = 0, entries = 0, files = 0;

        foreach (WalkedEntry entry in Walk())
        {
            if (entry.Status.Kind == FileKind.Regular) files++;
            if (++entries % 500 == 0) mostOpen = Math.Max(mostOpen, OpenDirectoriesBelow(_temp.Text));
        }

        (entries, files).Should().Be((2 * depth + 1, depth));
        mostOpen.Should().BeInRange(1, 200);
        OpenDirectoriesBelow(_temp.Text).Should().Be(0);
        _findings.Should().BeEmpty();
    }

    [Fact]
    public void Closes_its_directories_when_the_reader_stops_early()
    {
        Directory.CreateDirectory(_temp.File("a/b/c"));
        Walk().First(e => e.Path.Name == BytePath.From("b")).Should().NotBeNull();
        OpenDirectoriesBelow(_temp.Text).Should().Be(0);
    }

    private IEnumerable<WalkedEntry> Walk() => FileTree.Walk(_temp.Path, (_, _) => false, _findings.Add);

    private static void SetMode(string path, uint mode) => PosixDirectory.Current.SetMode(BytePath.From(path), mode);

    private static int OpenDirectoriesBelow(string root) =>
        Directory.GetFileSystemEntries("/proc/self/fd").Count(fd => new FileInfo(fd).LinkTarget?.StartsWith(root, StringComparison.Ordinal) == true);
}
