using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Files;

namespace BackupTool.Tests.Services.Sources.Files;

public sealed class SymlinkChainTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void A_path_without_links_is_its_own_target()
    {
        Directory.CreateDirectory(_temp.File("lib/x"));
        ResolvedRoot resolved = SymlinkChain.Resolve(BytePath.From(_temp.Text + "//lib/./../lib/x/"));
        resolved.Links.Should().BeEmpty();
        resolved.Target.ToString().Should().Be(_temp.File("lib/x"));
    }

    [Fact]
    public void Follows_the_link_that_a_dynamic_user_has_for_its_state()
    {
        Directory.CreateDirectory(_temp.File("lib/private/x/media"));
        File.CreateSymbolicLink(_temp.File("lib/x"), "private/x");

        (IReadOnlyList<WalkedEntry> links, BytePath target) = SymlinkChain.Resolve(BytePath.From(_temp.File("lib/x/media")));

        links.Should().ContainSingle().Which.Should().Match<WalkedEntry>(l =>
            l.Path == BytePath.From(_temp.File("lib/x")) && l.LinkTarget == BytePath.From("private/x") && l.Status.Kind == FileKind.SymbolicLink);
        target.ToString().Should().Be(_temp.File("lib/private/x/media"));
    }

    [Fact]
    public void Follows_links_to_links_absolute_ones_and_ones_that_climb()
    {
        Directory.CreateDirectory(_temp.File("real/data"));
        Directory.CreateDirectory(_temp.File("other"));
        File.CreateSymbolicLink(_temp.File("first"), _temp.File("other/second"));
        File.CreateSymbolicLink(_temp.File("other/second"), "../real");

        (IReadOnlyList<WalkedEntry> links, BytePath target) = SymlinkChain.Resolve(BytePath.From(_temp.File("first/data")));

        links.Select(l => l.Path.Name.ToString()).Should().Equal("first", "second");
        target.ToString().Should().Be(_temp.File("real/data"));
    }

    [Fact]
    public void Explains_a_circle()
    {
        File.CreateSymbolicLink(_temp.File("a"), "b");
        File.CreateSymbolicLink(_temp.File("b"), "a");
        Action resolve = () => SymlinkChain.Resolve(BytePath.From(_temp.File("a")));
        resolve.Should().Throw<SourceException>().WithMessage("*circle*").Which.Hint.Should().NotBeEmpty();
    }

    [Fact]
    public void Says_which_part_of_the_path_is_missing()
    {
        File.CreateSymbolicLink(_temp.File("a"), "gone");
        Action resolve = () => SymlinkChain.Resolve(BytePath.From(_temp.File("a")));
        resolve.Should().Throw<SourceException>().WithMessage($"*there is no {_temp.File("gone")}*");
    }
}
