using BackupTool.Posix;
using BackupTool.Services.Profiles;

namespace BackupTool.Tests.Services.Profiles;

public sealed class FilesProfileTests : IDisposable
{
    private readonly ProfileTree _tree = new();

    [Fact]
    public void Takes_the_paths_in_their_order_once_each_and_folds_what_lies_in_another()
    {
        BytePath b = _tree.MakeDirectory("b"), inner = _tree.MakeDirectory("b/inner"), a = _tree.MakeDirectory("a"), beside = _tree.MakeDirectory("b-2");
        _tree.Describe("files", null, inner, b, a, b, beside).Roots.Should().Equal(b, a, beside);
    }

    [Fact]
    public void Refuses_a_path_that_is_not_there_rather_than_backing_up_nothing() =>
        _tree.Refuse("files", null, _tree.At("gone")).Message.Should().Contain("gone");

    [Fact]
    public void Refuses_a_link_that_leads_nowhere() =>
        _tree.Refuse("files", null, _tree.Link("link", "nowhere")).Message.Should().Contain("link");

    [Fact]
    public void Refuses_to_have_no_paths_at_all() => _tree.Refuse("files").Message.Should().Contain("names no paths");

    [Fact]
    public void Leaves_the_link_to_a_private_directory_to_be_followed_by_its_reader()
    {
        BytePath real = _tree.MakeDirectory("lib/private/x"), link = _tree.Link("lib/x", "private/x");
        _tree.Describe("files", null, link).Roots.Should().Equal(link);
        _tree.Describe("files", null, real, link).Roots.Should().Equal([link], "whoever follows the link reads the directory");
    }

    [Fact]
    public void Adds_where_a_link_inside_a_root_leads_when_it_leaves_the_root()
    {
        BytePath data = _tree.MakeDirectory("data"), outside = _tree.MakeDirectory("srv/plugins");
        BytePath plugins = _tree.Link("data/plugins", "../srv/plugins");
        _tree.Describe("files", null, data, plugins).Roots.Should().Equal(data, outside);
    }

    [Fact]
    public void Keeps_a_directory_that_holds_a_link_to_itself()
    {
        BytePath data = _tree.MakeDirectory("data"), self = _tree.Link("data/self", ".");
        _tree.Describe("files", null, data, self).Roots.Should().Equal(data);
    }

    [Theory]
    [InlineData("files", "files")]
    [InlineData("maubot", "maubot")]
    [InlineData("conduwuit", "continuwuity")]
    [InlineData("tuwunel", "continuwuity")]
    [InlineData("conduit", "continuwuity")]
    [InlineData("mautrix", "mautrix")]
    [InlineData("synapse", "synapse")]
    [InlineData("gitea", "forgejo")]
    [InlineData("postgresql", "postgres")]
    public void Knows_a_profile_by_its_kind_and_by_its_family(string kind, string profile) => ServiceProfiles.For(kind)!.Kind.Should().Be(profile);

    [Fact]
    public void Knows_no_profile_for_what_it_cannot_back_up() => ServiceProfiles.For("nextcloud").Should().BeNull();

    public void Dispose() => _tree.Dispose();
}
