using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Replacing;

/// <summary>The users are those that every Debian has: daemon is 1, bin is 2. Nobody has 54321, nor is called no-such-user.</summary>
public sealed class OwnerCheckTests : IDisposable
{
    private const uint Nobody = 54321;
    private static readonly SystemUser Root = new("root", 0, 0, "/root");
    private readonly TemporaryDirectory _there = new();
    private readonly OwnerCensus _census = new();

    [Theory]
    [InlineData(1, "daemon")]
    [InlineData(0, "root")]
    [InlineData(0, "toor")]
    [InlineData(Nobody, "")]
    [InlineData(61184, "dynamic-service")]
    [InlineData(65519, "")]
    public void Who_is_the_same_here_may_own(uint uid, string name)
    {
        Add("data/a", uid, name);
        Check(OwnerPolicy.Checked).Problems.Should().BeEmpty();
    }

    [Theory]
    [InlineData(Nobody, "daemon", "here daemon is uid 1", "--map-owners")]
    [InlineData(2, "daemon", "here daemon is uid 1, and 2 is bin", "--map-owners")]
    [InlineData(Nobody, "no-such-user", "here no user has this name or this number", "Create the user no-such-user")]
    [InlineData(2, "no-such-user", "here 2 is bin, and nobody is called no-such-user", "Create the user no-such-user")]
    [InlineData(2, "", "here 2 is bin", "--numeric-owner")]
    [InlineData(61183, "no-such-user", "here no user has this name", "Create")]
    public void Who_is_another_or_nobody_here_may_not(uint uid, string name, string why, string hint)
    {
        Add("data/a", uid, name);
        Add("data/b", uid, name);
        PlacementProblem problem = Check(OwnerPolicy.Checked).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain(why).And.Contain($"uid {uid}").And.Contain("has 2 entries, one of them /data/a");
        problem.Hint.Should().Contain(hint).And.Contain("--numeric-owner");
        Check(OwnerPolicy.Numeric).Problems.Should().BeEmpty();
    }

    [Fact]
    public void Groups_are_asked_for_as_users_are()
    {
        _census.Add(Entry("data/a") with { Gid = Nobody, GroupName = "daemon" }, 0);
        Check(OwnerPolicy.Checked).Problems.Should().ContainSingle().Which.Message.Should().Contain("the group daemon, gid 54321,").And.Contain("here daemon is gid 1");
        Check(OwnerPolicy.ByName).GroupMap.Should().Equal(new Dictionary<uint, uint> { [Nobody] = 1 });
    }

    [Fact]
    public void Who_was_renamed_is_known_by_what_he_owns_already()
    {
        Add("data/a", 2, "no-such-user");
        Check(OwnerPolicy.Checked).Problems.Should().ContainSingle();
        Directory.CreateDirectory(_there.Below("sub"));
        PosixDirectory.Current.SetOwner(_there.Path.Combine("sub"), 2, 0);
        Check(OwnerPolicy.Checked).Problems.Should().BeEmpty();
    }

    [Fact]
    public void Who_is_gone_is_missed_although_his_files_are_there()
    {
        Add("data/a", Nobody, "no-such-user");
        PosixDirectory.Current.SetOwner(_there.Path, Nobody, 0);
        Check(OwnerPolicy.Checked).Problems.Should().ContainSingle();
    }

    [Fact]
    public void One_name_of_several_that_is_right_is_enough()
    {
        Add("data/a", 1, "a-former-name");
        Add("data/b", 1, "daemon");
        Check(OwnerPolicy.Checked).Problems.Should().BeEmpty();
        Check(OwnerPolicy.ByName).UserMap.Should().BeEmpty();
    }

    [Fact]
    public void By_name_everybody_gets_the_number_that_he_has_here()
    {
        Add("data/a", Nobody, "daemon");
        Add("data/b", 1, "bin");
        Add("data/c", 0, "root");
        Add("data/d", 61200, "no-such-user");
        OwnerCheck check = Check(OwnerPolicy.ByName);
        check.Problems.Should().BeEmpty();
        check.UserMap.Should().Equal(new Dictionary<uint, uint> { [Nobody] = 1, [1] = 2 });
        var placement = new LivePlacement { Items = [], UserMap = check.UserMap };
        placement.MapOwner(new TarMember { Path = BytePath.From("x"), Kind = FileKind.Regular, Mode = 0, Uid = 1, Gid = 1, ModifiedAt = default }).Should().Match<TarMember>(static mapped => mapped.Uid == 2 && mapped.Gid == 1);
    }

    [Fact]
    public void By_name_nobody_may_be_missing_or_stand_for_two()
    {
        Add("data/a", Nobody, "no-such-user");
        Check(OwnerPolicy.ByName).Problems.Should().ContainSingle().Which.Message.Should().Contain("here no user has this name");
        Add("data/b", 54322, "daemon");
        Add("data/c", 54322, "bin");
        Check(OwnerPolicy.ByName).Problems.Should().HaveCount(2).And.Contain(problem => problem.Message.Contains("bin or daemon", StringComparison.Ordinal) && problem.Message.Contains("2 different ones", StringComparison.Ordinal));
        Add("data/d", 54323, "");
        Check(OwnerPolicy.ByName).Notes.Should().ContainSingle().Which.Should().Contain("the number stays");
    }

    [Fact]
    public void What_is_not_restored_may_be_anybodys()
    {
        Add("nix/store/x", Nobody, "no-such-user", top: 1);
        Check(OwnerPolicy.Checked).Problems.Should().BeEmpty();
    }

    [Fact]
    public void Only_root_may_give_files_to_others()
    {
        var me = new SystemUser("me", 1000, 1000, "/home/me");
        _census.Add(Entry("data/a") with { Uid = 1000, Gid = 1000 }, 0);
        Check(OwnerPolicy.Numeric, me).Problems.Should().BeEmpty();
        Add("data/b", 1, "daemon");
        Check(OwnerPolicy.Numeric, me).Problems.Should().HaveCount(2).And.OnlyContain(static problem => problem.Hint == "Run this as root.");
    }

    private OwnerCheck Check(OwnerPolicy policy, SystemUser? ours = null)
    {
        var check = new OwnerCheck(policy, top => top == 0 ? _there.Path : null, ours ?? Root);
        check.Run(_census);
        return check;
    }

    private void Add(string path, uint uid, string name, int top = 0) => _census.Add(Entry(path) with { Uid = uid, UserName = name }, top);

    private static CatalogEntry Entry(string path) => new()
    {
        Path = BytePath.From(path),
        Kind = FileKind.Regular,
        Placement = Placement.Bundled,
        Mode = 0x1a4,
        Uid = 0,
        Gid = 0,
        UserName = "root",
        GroupName = "root",
        Size = 0,
        StoredSize = 0,
        HeaderBytes = 512,
        ModifiedAt = default,
        ChangedAt = null,
        Device = 0,
        Inode = 0,
        ContentKey = "",
    };

    public void Dispose() => _there.Dispose();
}
