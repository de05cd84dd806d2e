using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Archives;

public sealed class HardLinkNamesTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();
    private readonly HardLinkNames _names = new();

    public void Dispose() => _there.Dispose();

    [Fact]
    public void Two_names_of_one_file_are_one_member_and_a_link()
    {
        ArchiveEntry first = Entry("a", Linked()), second = Entry("b", Linked());
        _names.Plan(first).HardLinkTo.Should().BeNull();
        _names.Plan(second).HardLinkTo.Should().Be(first.MemberPath);
        HardLinkNames.RequireSame(first, Linked());
    }

    [Fact]
    public void A_later_file_that_was_given_the_same_inode_is_another_file()
    {
        FileStatus later = Linked() with { BornAt = new UnixTime(Linked().BornAt.Seconds + 1, 0) };
        ArchiveEntry first = Entry("a", Linked()), second = Entry("b", later);
        _names.Plan(first).HardLinkTo.Should().BeNull();
        _names.Plan(second).HardLinkTo.Should().BeNull("the number was given anew while the cut looked");
        FluentActions.Invoking(() => HardLinkNames.RequireSame(first, later)).Should().Throw<PosixException>("it was given anew before the file was read").Which.Errno.Should().Be(Errno.ENOENT);
    }

    private FileStatus Linked()
    {
        BytePath first = BytePath.From(_there.Below("a"));
        if (!PosixDirectory.Current.TryGetStatus(first, out FileStatus status))
        {
            File.WriteAllText(first.ToString(), "linked");
            PosixDirectory.Current.CreateHardLink(first, PosixDirectory.Current, BytePath.From(_there.Below("b")));
            status = PosixDirectory.Current.GetStatus(first);
        }
        status.LinkCount.Should().Be(2);
        return status;
    }

    private ArchiveEntry Entry(string name, FileStatus status) => new() { Path = BytePath.From(_there.Below(name)), Status = status };
}
